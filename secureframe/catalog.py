"""What a federation has, as the analyst browses it: institutions, tables, columns and policies; never data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from secureframe.display import page
from secureframe.display.rules import allowed, flags, rules, type_html, uses
from secureframe.engine.catalog import Catalog
from secureframe.schema.table import Column, TableSchema

SHOWN_COLUMNS = 60
"""A catalog of so many columns is shown open; a larger one opens an institution at a time."""


class CatalogView:
    """Which tables and columns there are, with type, range, owner, allowed use and policy; never data.

    Parameters
    ----------
    catalog : Catalog
        What the institutions publish.
    searched : str, optional
        Words that everything shown is about.
    """

    def __init__(self, catalog: Catalog, searched: str = "") -> None:
        self._catalog = catalog
        self._searched = " ".join(searched.split())

    @property
    def tables(self) -> Mapping[tuple[str, str], TableSchema]:
        """The schemas by (owner, name); all of them, whatever was searched for."""
        return self._catalog.tables

    def search(self, text: str) -> CatalogView:
        """Return what of the catalog some words are about.

        Parameters
        ----------
        text : str
            Words, in any order and case. Each is looked for in names of institutions, tables and columns, in types, categories
            and domains, and in what a column is declared and allowed to be; all have to be found.

        Returns
        -------
        CatalogView
            The columns that were found, and all columns of the tables that were.

        Examples
        --------
        >>> fed.catalog.search("age")
        >>> fed.catalog.search("laboratory float")
        """
        return CatalogView(self._catalog, f"{self._searched} {text}")

    def _found(self) -> Iterator[tuple[TableSchema, list[Column]]]:
        """The tables and their columns that were searched for."""
        words = self._searched.casefold().split()
        for table in self._catalog.tables.values():
            policy = self._catalog.policies[table.owner].name
            about = f"{table.owner}.{table.name} {table.person_domain}".casefold()
            if all(word in about for word in words):
                yield table, list(table.columns)
                continue
            columns = [c for c in table.columns if all(word in f"{about} {policy} {_words(c)}".casefold() for word in words)]
            if columns:
                yield table, columns

    def __len__(self) -> int:
        """The number of columns that are shown."""
        return sum(len(columns) for _, columns in self._found())

    def _count(self, found: list[tuple[TableSchema, list[Column]]]) -> str:
        count, total = sum(len(columns) for _, columns in found), sum(len(t.columns) for t in self.tables.values())
        return f"{count} of {total} columns {'match' if count != 1 else 'matches'} {self._searched!r}"

    def __repr__(self) -> str:
        found = list(self._found())
        lines = [self._count(found)] if self._searched else []
        for table, columns in found:
            policy = self._catalog.policies[table.owner]
            lines.append(f"{table.owner}.{table.name}: {_about(table)}   [policy {policy.name}]")
            for column in columns:
                limits = "" if not uses(column) else "; use: " + uses(column)
                marks = f"; {', '.join(flags(column))}" if flags(column) else ""
                lines.append(f"    {column.name:<12} {column.type.describe()}{limits}{marks}")
        for owner, policy in self._catalog.policies.items():
            if policy.recipients is not None and not self._searched:
                lines.append(f"results about {owner}'s data may go to {', '.join(policy.recipients) or 'nobody'}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        found = list(self._found())
        owners = list(dict.fromkeys(table.owner for table, _ in found))
        total = sum(len(columns) for _, columns in found)
        opened = bool(self._searched) or total <= SHOWN_COLUMNS
        if self._searched:
            title = f"Catalog: {self._count(found)}"
        else:
            title = f"Catalog of {len(owners)} institutions: {len(found)} tables, {total} columns"
        parts = [page.element("p", title, classes="sf-title")]
        parts += [self._institution(owner, [f for f in found if f[0].owner == owner], opened) for owner in owners]
        how = page.element("code", "fed.catalog.search('age')"), " finds columns by name, type, category or owner."
        parts.append(page.element("p", "Rows are never shown. ", *how, classes="sf-note"))
        return page.styled("".join(parts), kind="catalog")

    def _institution(self, owner: str, found: list[tuple[TableSchema, list[Column]]], opened: bool) -> page.Html:
        policy = self._catalog.policies[owner]
        count = f"{len(found)} table{'' if len(found) == 1 else 's'}"
        summary = page.Html(page.element("strong", owner) + f" {count} " + page.chip(f"policy {policy.name}"))
        law = page.element("ul", *(page.element("li", line) for line in rules(policy)))
        tables = [_table(table, columns, opened or len(found) == 1) for table, columns in found]
        return page.details(summary, page.details(f"what policy {policy.name} lets leave", law), *tables, opened=opened)


def _words(column: Column) -> str:
    """All that a column can be found by."""
    categories = " ".join(map(str, column.type.categories or ()))
    return " ".join([column.name, column.type.describe(), categories, *flags(column), *map(str, column.uses)])


def _about(table: TableSchema) -> str:
    many = "one row a person" if table.rows_per_person == 1 else f"up to {table.rows_per_person} rows a person"
    return f"{many}, roster {table.roster_size:,}, persons of {table.person_domain!r} by {table.person_key}"


def _table(table: TableSchema, columns: list[Column], opened: bool) -> page.Html:
    name = f"{table.owner}.{table.name}"
    restricted = any(uses(c) for c in columns)
    head = ["column", "type", "a release may give", *(["owner allows"] if restricted else [])]
    rows = []
    for column in columns:
        row: list[object] = [page.element("code", column.name), type_html(column), allowed(column)]
        rows.append([*row, uses(column) or "everything"] if restricted else row)
    summary = page.Html(page.element("code", name) + " " + page.element("span", _about(table), classes="sf-muted"))
    return page.details(summary, page.scrolling(page.table(head, rows), f"columns of {name}"), opened=opened)
