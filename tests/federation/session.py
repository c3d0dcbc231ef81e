"""A federation whose parts a test can exchange: another analyst, another policy, other data, a party that lost what it kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import secureframe as sf
from secureframe.disclosure.policy import Policy, preset
from secureframe.engine.kept import KeptShares
from secureframe.federation import Federation
from secureframe.governance.identity import AnalystIdentity
from secureframe.testing import InMemoryBackend, start_in_memory
from tests.disclosure.federations import PURPOSE, Frames, people, tables

ANALYST = AnalystIdentity.generate("ana", "university")
VERSION_KEY = "5" * 64


def session(
    frames: Frames | None = None,
    *,
    policy: str | Policy | Mapping[str, str | Policy] = "open-research",
    stores: list[KeptShares] | None = None,
    analyst: AnalystIdentity = ANALYST,
) -> Federation:
    """Start the federation; with the stores of another one its parties keep what those kept."""
    declared: dict[str, dict[str, Any]] = {}
    directory = Path(tempfile.mkdtemp(prefix="sf-"))
    for owner, owned in tables(frames or people()).items():
        declared[owner] = {
            # The institutions' own secret: unchanged data keep their version.
            name: {**table.declare(f"{owner}-{name}", directory), "version_key": VERSION_KEY}
            for name, table in owned.items()
        }
    policies = {o: preset(policy[o] if isinstance(policy, Mapping) else policy).to_json() for o in declared}
    backend = start_in_memory(
        declarations=declared, policies=policies, directory=directory, analyst=analyst, progress=lambda text: None
    )
    assert isinstance(backend, InMemoryBackend)
    if stores is not None:
        backend.stores = stores
    return Federation(backend, purpose=PURPOSE, analyst=analyst, quiet=True)


def in_memory(fed: Federation) -> InMemoryBackend:
    """The backend of a federation of this process."""
    assert isinstance(fed._backend, InMemoryBackend)
    return fed._backend


def stores(fed: Federation) -> list[KeptShares]:
    return in_memory(fed).stores


def joined(fed: Federation, how: str = "inner") -> sf.SecureFrame:
    return fed["patients"].merge(fed["registry"], on="id", how=how)


def sorts(fed: Federation) -> bool:
    """Whether the last job brought rows into the order of a key: nothing else opens anything."""
    assert fed.last_job is not None
    return any(stage.opened_bits for stage in fed.last_job.stages)
