"""A frame under a name: its plan as canonical JSON, the data and policies that it was made against, and what is kept of it.

It is no request: nothing is run by it, and nothing leaves. Its signature says that the analyst, and nobody else, has written it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from secureframe.errors import PlanError
from secureframe.plan.codec import Tables, canonical, decode, decode_scalar, encode, encode_scalar, parse
from secureframe.plan.envelope import parameters_of
from secureframe.plan.nodes import Node
from secureframe.schema.declare import NAME
from secureframe.schema.types import Scalar

_VERSION = "1"
_MOST_CHARACTERS = 64


@dataclass(frozen=True, kw_only=True)
class Keepsake:
    """A frame that is saved.

    Parameters
    ----------
    name : str
        Letters, digits and underscores, at most 64.
    frame : Node
        Its plan.
    parameters : mapping
        Values of the parameters in the plan.
    kept : mapping
        Digest and job of everything that the parties keep of it.
    policies, versions : mapping
        Digests of the owners' policies, and versions of the tables, as of when it was saved.
    created : str
        When it was saved, ISO 8601, UTC.
    """

    name: str
    frame: Node
    parameters: Mapping[str, Scalar]
    kept: Mapping[str, str]
    policies: Mapping[str, str]
    versions: Mapping[str, str]
    created: str

    def __post_init__(self) -> None:
        require_name(self.name)
        if set(self.parameters) != set(parameters_of(self.frame)):
            raise PlanError("the frame's parameters and the values given for them differ")

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return canonical(
            {
                "version": _VERSION,
                "name": self.name,
                "frame": encode(self.frame),
                "parameters": {name: encode_scalar(value) for name, value in self.parameters.items()},
                "kept": dict(self.kept),
                "policies": dict(self.policies),
                "versions": dict(self.versions),
                "created": self.created,
            }
        )


def require_name(name: str) -> None:
    """Refuse a name under which no frame can be saved."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > _MOST_CHARACTERS:
        raise PlanError(f"{name!r} is no name for a frame", hint="letters, digits and _, such as frame.save('cohort')")


def now() -> str:
    """Return the time as keepsakes write it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def read_keepsake(raw: bytes, tables: Tables) -> Keepsake:
    """Parse strictly what `Keepsake.to_bytes` wrote; every node checks itself.

    Raises
    ------
    SecureFrameError
        For anything else, and where a table or a column of it is not there any more.
    """
    try:
        return _read(parse(raw), tables)
    except RecursionError:
        raise PlanError("the frame is nested too deeply") from None


def _read(record: object, tables: Tables) -> Keepsake:
    names = {"version", "name", "frame", "parameters", "kept", "policies", "versions", "created"}
    if not isinstance(record, dict) or set(record) != names or record["version"] != _VERSION:
        raise PlanError("the saved frame is of another version", hint="save it again")
    for name in ("parameters", "kept", "policies", "versions"):
        if not isinstance(record[name], dict):
            raise PlanError("the saved frame is malformed")
    texts = [record["name"], record["created"], *(v for name in ("kept", "policies", "versions") for v in record[name].values())]
    if not all(isinstance(text, str) for text in texts):
        raise PlanError("the saved frame is malformed")
    return Keepsake(
        name=record["name"],
        frame=decode(record["frame"], tables, Node),
        parameters={name: decode_scalar(value) for name, value in record["parameters"].items()},
        kept=record["kept"],
        policies=record["policies"],
        versions=record["versions"],
        created=record["created"],
    )
