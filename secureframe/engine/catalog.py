"""The catalog of a federation: every institution's tables and policy, as all of them and the notebook know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secureframe.disclosure.policy import Policy
from secureframe.plan.nodes import Node, Summarise, Table, walk_nodes
from secureframe.schema.table import TableSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Tables by (owner, name); policies, warnings and public identities by institution."""

    tables: Mapping[tuple[str, str], TableSchema]
    policies: Mapping[str, Policy]
    warnings: Mapping[str, tuple[str, ...]]
    identities: Mapping[str, dict[str, Any]]

    @staticmethod
    def from_entries(entries: Mapping[str, Mapping[str, Any]]) -> Catalog:
        """Read the entries that institutions publish."""
        tables: dict[tuple[str, str], TableSchema] = {}
        for owner, entry in entries.items():
            for record in entry["tables"]:
                schema = TableSchema.from_json(record)
                if schema.owner != owner:
                    raise ValueError("an institution publishes its own tables only")
                tables[(owner, schema.name)] = schema
        return Catalog(
            tables=tables,
            policies={owner: Policy.from_json(entry["policy"]) for owner, entry in entries.items()},
            warnings={owner: tuple(entry["warnings"]) for owner, entry in entries.items()},
            identities=_identities(entries),
        )

    def versions(self, releases: Sequence[Summarise]) -> dict[str, str]:
        """Return the data version of every table that some releases read, as ``owner.table``."""
        return self.versions_of(*releases)

    def versions_of(self, *nodes: Node) -> dict[str, str]:
        """Return the data version of every table beneath some nodes, as ``owner.table``."""
        read = {(n.table.owner, n.table.name) for r in nodes for n in walk_nodes(r) if isinstance(n, Table)}
        return {f"{owner}.{name}": self.tables[(owner, name)].version for owner, name in sorted(read)}


def _identities(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The identities under which institutions receive results: each under its own name, affiliated with itself."""
    found = {owner: dict(entry["identity"]) for owner, entry in entries.items() if entry.get("identity") is not None}
    for owner, identity in found.items():
        if identity["name"] != owner or identity["affiliation"] != owner:
            raise ValueError("an institution receives results under its own name only")
    return found
