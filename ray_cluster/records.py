"""What a party sent above TLS, kept on disk for the leak tests: off unless a simulation asks for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from secureframe.mpc.channel import Payload


def save_payloads(path: Path, payloads: Sequence[Payload]) -> None:
    """Write the payloads of one job to a file."""
    heads = [
        [each.round, each.sender, each.receiver, len(each.words), [list(span) for span in each.declared]] for each in payloads
    ]
    words = np.concatenate([each.words for each in payloads]) if payloads else np.empty(0, np.uint64)
    # The reader lists the directory: a file appears there only once it is whole.
    draft = path.with_name("." + path.name)
    with draft.open("wb") as file:
        np.savez(file, heads=np.frombuffer(json.dumps(heads).encode("utf-8"), np.uint8), words=words)
    draft.replace(path)


def load_payloads(path: Path) -> list[Payload]:
    """Read what `save_payloads` wrote."""
    with np.load(path, allow_pickle=False) as file:
        heads, words = json.loads(file["heads"].tobytes()), file["words"]
    payloads, start = [], 0
    for number, sender, receiver, length, declared in heads:
        payloads.append(
            Payload(
                round=number,
                sender=sender,
                receiver=receiver,
                words=words[start : start + length],
                declared=tuple((first, last) for first, last in declared),
            )
        )
        start += length
    return payloads
