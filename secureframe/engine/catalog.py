"""The catalog of a federation: every institution's tables and policy, as all of them and the notebook know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secureframe.disclosure.policy import Policy
from secureframe.plan.nodes import Summarise, Table, walk_nodes
from secureframe.schema.table import TableSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Tables by (owner, name), and policies and warnings by owner."""

    tables: Mapping[tuple[str, str], TableSchema]
    policies: Mapping[str, Policy]
    warnings: Mapping[str, tuple[str, ...]]

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
        )

    def versions(self, releases: Sequence[Summarise]) -> dict[str, str]:
        """Return the data version of every table that some releases read, as ``owner.table``."""
        read = {(n.table.owner, n.table.name) for r in releases for n in walk_nodes(r) if isinstance(n, Table)}
        return {f"{owner}.{name}": self.tables[(owner, name)].version for owner, name in sorted(read)}
