"""Envelope and body: the body says what is computed, the envelope for whom, why, under which policies and on which data.

A request is both together as canonical bytes, signed by the analyst. The plan's digest covers the body and the values of
its parameters, and nothing of the envelope: the same question has the same digest whoever asks.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from secureframe.errors import PlanError, RangeError
from secureframe.plan.codec import Tables, canonical, decode, decode_scalar, digest, encode, encode_scalar, parse
from secureframe.plan.expressions import Parameter, children
from secureframe.plan.nodes import Node, Summarise, walk_nodes
from secureframe.plan.shown import Shown
from secureframe.schema.types import Scalar, as_fraction

VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a request asks for, parsed and checked.

    Parameters
    ----------
    releases : tuple of Summarise
        The numbers that leave, in order.
    parameters : mapping
        Value of every parameter, on its domain.
    purpose : str
        What the answers are for.
    analyst, recipient : dict
        Name, affiliation and public keys of who asks, and of whom results are sealed for.
    policies : mapping
        For every owner the digest of the policy that the analyst knows of.
    versions : mapping
        For every table, as ``owner.table``, the version of its data.
    nonce : str
        Makes every run another one.
    created : str
        When it was signed, ISO 8601, UTC.
    kept : mapping
        For the digest of everything that the parties keep of the analyst's earlier statements, and that this one starts from,
        the job that it comes from. What a party does not keep as it is named here ends the job.
    results : tuple of Shown
        How an institution that receives the results may show them; empty where the analyst receives them.
    """

    releases: tuple[Summarise, ...]
    parameters: Mapping[str, Scalar]
    purpose: str
    analyst: dict[str, Any]
    recipient: dict[str, Any]
    policies: Mapping[str, str]
    versions: Mapping[str, str]
    nonce: str
    created: str
    kept: Mapping[str, str] = field(default_factory=dict)
    results: tuple[Shown, ...] = ()

    def __post_init__(self) -> None:
        if not self.releases:
            raise PlanError("nothing is asked for")
        check_parameters(self.releases, self.parameters)

    @cached_property
    def digest(self) -> str:
        """Digest of body and parameters."""
        return digest(self._body())

    @property
    def owners(self) -> tuple[str, ...]:
        """Institutions whose tables the plan reads, sorted."""
        return tuple(sorted(frozenset().union(*(r.owners for r in self.releases))))

    def _body(self) -> dict[str, Any]:
        return {
            "releases": [encode(r) for r in self.releases],
            "parameters": {name: encode_scalar(value) for name, value in self.parameters.items()},
        }

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that are signed and sent."""
        return canonical(
            {
                "version": VERSION,
                "body": self._body(),
                "envelope": {
                    "purpose": self.purpose,
                    "analyst": self.analyst,
                    "recipient": self.recipient,
                    "policies": dict(self.policies),
                    "versions": dict(self.versions),
                    "nonce": self.nonce,
                    "created": self.created,
                    "kept": dict(self.kept),
                    "results": [shown.to_json() for shown in self.results],
                },
            }
        )


def new_plan(
    releases: Sequence[Summarise],
    parameters: Mapping[str, Scalar],
    *,
    purpose: str,
    analyst: dict[str, Any],
    policies: Mapping[str, str],
    versions: Mapping[str, str],
    kept: Mapping[str, str] | None = None,
    recipient: Mapping[str, Any] | None = None,
    results: Sequence[Shown] = (),
) -> Plan:
    """Return a plan with a fresh nonce; its recipient is the analyst unless another one is given."""
    return Plan(
        releases=tuple(releases),
        parameters=dict(parameters),
        purpose=purpose,
        analyst=analyst,
        recipient=analyst if recipient is None else dict(recipient),
        policies=dict(policies),
        versions=dict(versions),
        nonce=secrets.token_hex(16),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        kept=dict(kept or {}),
        results=tuple(results),
    )


def read_plan(raw: bytes, tables: Tables) -> Plan:
    """Parse a request strictly; every node checks itself.

    Raises
    ------
    SecureFrameError
        For anything that is no request, whatever it holds.
    """
    try:
        return _read(parse(raw), tables)
    except RecursionError:
        raise PlanError("the plan is nested too deeply") from None


def _read(record: Any, tables: Tables) -> Plan:
    if not isinstance(record, dict) or set(record) != {"version", "body", "envelope"} or record["version"] != VERSION:
        raise PlanError("the request is of another version", hint="update secureframe on both sides")
    body, envelope = record["body"], record["envelope"]
    names = {"purpose", "analyst", "recipient", "policies", "versions", "nonce", "created", "kept", "results"}
    if not isinstance(body, dict) or set(body) != {"releases", "parameters"}:
        raise PlanError("the body of the request is malformed")
    if not isinstance(envelope, dict) or set(envelope) != names:
        raise PlanError("the envelope of the request is malformed")
    if not isinstance(body["releases"], list) or not isinstance(body["parameters"], dict):
        raise PlanError("the body of the request is malformed")
    for name in ("purpose", "nonce", "created"):
        if not isinstance(envelope[name], str):
            raise PlanError("the envelope of the request is malformed")
    for name in ("analyst", "recipient", "policies", "versions", "kept"):
        if not isinstance(envelope[name], dict) or not all(isinstance(v, str | None) for v in envelope[name].values()):
            raise PlanError("the envelope of the request is malformed")
    if not isinstance(envelope["results"], list):
        raise PlanError("the envelope of the request is malformed")
    releases = tuple(decode(r, tables, Summarise) for r in body["releases"])
    return Plan(
        releases=releases,
        parameters={name: decode_scalar(value) for name, value in body["parameters"].items()},
        **{**envelope, "results": tuple(Shown.from_json(shown, len(releases)) for shown in envelope["results"])},
    )


def job_id(request: bytes) -> str:
    """Return the identifier of a run: 32 hexadecimal characters of its request's digest, which its nonce makes unique."""
    return hashlib.sha256(request).hexdigest()[:32]


def parameters_of(node: Node) -> dict[str, Parameter]:
    """Return the parameters that occur in a node or below it, by name."""
    found: dict[str, Parameter] = {}
    for below in walk_nodes(node):
        expressions = [e for _, e in getattr(below, "columns", ())] if hasattr(below, "columns") else []
        expressions += [below.predicate] if hasattr(below, "predicate") else []
        while expressions:
            expr = expressions.pop()
            expressions += children(expr)
            if isinstance(expr, Parameter) and found.setdefault(expr.name, expr) != expr:
                raise PlanError(f"parameter {expr.name!r} has two domains")
    return found


def check_parameters(releases: Sequence[Summarise], values: Mapping[str, Scalar]) -> None:
    """Require exactly one value, on its domain, for every parameter of the releases."""
    found: dict[str, Parameter] = {}
    for release in releases:
        for name, parameter in parameters_of(release).items():
            if found.setdefault(name, parameter) != parameter:
                raise PlanError(f"parameter {name!r} has two domains")
    if set(found) != set(values):
        raise PlanError("the plan's parameters and the values given for them differ")
    for name, parameter in found.items():
        grid = as_fraction(values[name]) / parameter.type.step
        if grid.denominator != 1 or not parameter.type.low <= grid <= parameter.type.high:
            raise RangeError(f"the value of parameter {name!r} is outside its domain", hint=parameter.type.describe())
