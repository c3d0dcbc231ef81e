"""The public report of a job, put together from what the institutions tell: seconds, rounds, bytes, and who sent them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def job_report(
    stages: dict[str, list[dict[str, Any]]], results: dict[str, dict[str, Any]], hosts: Sequence[str], seconds: float
) -> dict[str, Any]:
    """Return ``stages``, ``links``, ``dealt``, ``dealt_links``, ``rounds`` and ``seconds`` of a job.

    Parameters
    ----------
    stages : dict
        By institution, its stage events in order.
    results : dict
        By institution, its result event.
    hosts : sequence of str
        The institutions that host parties 0, 1 and 2.
    seconds : float
        From the request to the last answer, as the kernel saw it.
    """
    merged = []
    for each in zip(*(stages.get(host, []) for host in hosts), strict=True):
        merged.append(
            {
                "name": each[0]["name"],
                "seconds": max(float(event.get("seconds", 0.0)) for event in each),
                "rounds": max(int(event.get("rounds", 0)) for event in each),
                "bytes": sum(int(event.get("bytes", 0)) for event in each),
                "opened_bits": max(int(event.get("opened_bits", 0)) for event in each),
            }
        )
    links: dict[str, int] = {}
    dealt_links: dict[str, int] = {}
    for name, result in results.items():
        links.update(result["report"].get("links", {}))
        for host, count in result["report"]["sent_to_parties"].items():
            dealt_links[f"{name} -> {host}"] = count
    dealt: dict[str, int] = {}
    for link, count in dealt_links.items():
        owner = link.split(" -> ")[0]
        dealt[owner] = dealt.get(owner, 0) + count
    return {
        "stages": merged,
        "links": links,
        "dealt": dealt,
        "dealt_links": dealt_links,
        "rounds": max((int(results[host]["report"].get("rounds", 0)) for host in hosts), default=0),
        "seconds": seconds,
    }
