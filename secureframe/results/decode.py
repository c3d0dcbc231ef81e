"""Opening: three packages become released cells.

The recipient compiles the plan once more, so it knows how what it opens is laid out. Shares that disagree are refused. Means,
deviations and correlations are computed here from released numbers, exactly as fractions until the last step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from secureframe.disclosure.policy import Policy
from secureframe.disclosure.release import ReleasedPiece
from secureframe.errors import ProtocolAborted
from secureframe.mpc.program import Value
from secureframe.mpc.sharing import InconsistentShares, SharingError, deserialise, reconstruct, word_count
from secureframe.plan.envelope import Plan
from secureframe.plan.nodes import Node, Summarise
from secureframe.planner.compile import Compiled, CompiledRelease
from secureframe.planner.remainders import owners_of
from secureframe.results import formulas
from secureframe.results.record import plain
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.schema.types import ColumnType

NUMERIC_ERROR = "exact integers on the grid; quotients and roots to 1e-15 relative"


def open_outputs(compiled: Compiled, shares: Sequence[bytes]) -> dict[Value, list[int]]:
    """Return every released number from the serialised shares of the parties 0, 1 and 2.

    Raises
    ------
    ProtocolAborted
        If two parties' copies of a component differ, or a package has another length than it should.
    """
    opened: dict[Value, list[int]] = {}
    at = 0
    try:
        for value in compiled.program.outputs:
            size = 16 * word_count(value)
            held = [deserialise(s[at : at + size], value) for s in shares]
            opened[value] = [int(x) for x in reconstruct(held, value).reshape(-1)]
            at += size
        if any(len(s) != at for s in shares):
            raise SharingError("packages longer than the plan's outputs")
    except (InconsistentShares, SharingError) as error:
        raise ProtocolAborted(f"the packages do not fit together: {error}", hint="run the statement again") from error
    return opened


def decode_release(release: CompiledRelease, opened: Mapping[Value, list[int]], plan: Plan) -> ReleasedTable:
    """Return one release with natural values and its record."""
    node = release.breakdown.node
    columns = tuple(_cells(node, piece, opened) for piece in release.pieces)
    return ReleasedTable(node=node, values=columns, release=_record(release, columns, plan))


def _cells(node: Summarise, piece: ReleasedPiece, opened: Mapping[Value, list[int]]) -> tuple[Cell, ...]:
    withheld = piece.withheld.of(opened)
    fields = {f.name: [_point(f.grid, x) for x in f.at.of(opened)] for f in piece.fields if f.at is not None}
    cells: list[Cell] = []
    for i, hidden in enumerate(withheld):
        cells.append(SUPPRESSED if hidden else _number(node, piece, {name: xs[i] for name, xs in fields.items()}))
    return tuple(cells)


def _point(grid: tuple[Fraction, ...] | None, index: int) -> int | Fraction:
    return index if grid is None else grid[index]


def _number(node: Summarise, piece: ReleasedPiece, fields: Mapping[str, int | Fraction]) -> Cell:
    """One statistic of one cell in natural units; None where it does not exist."""
    statistic = piece.piece.statistic
    match statistic.kind:
        case "size" | "count":
            return int(fields["count"])
        case "corr":
            if "point" in fields:
                return float(fields["point"])
            scale = int(fields["xx"]) * int(fields["yy"])
            return None if scale <= 0 else formulas.signed_root(Fraction(int(fields["xy"]) ** 2, scale), int(fields["xy"]))
    type_ = node.frame.schema[statistic.columns[0]].type
    if "point" in fields:
        return float(fields["point"])
    match statistic.kind:
        case "quantile":
            return type_.to_value(int(fields["value"]))
        case "sum":
            return _natural(int(fields["total"]) * type_.step)
        case "mean":
            count = int(fields["count"])
            return None if not count else float(Fraction(int(fields["total"]), count) * type_.step)
        case "cov":
            count = int(fields["count"])
            unit = type_.step * node.frame.schema[statistic.columns[1]].type.step
            return None if count < 2 else float(Fraction(int(fields["xy"]), count * (count - 1)) * unit)
        case "skew" | "kurtosis" as kind if "total" in fields:
            return formulas.of_two_values(kind, int(fields["count"]), int(fields["total"]))
        case "skew" | "kurtosis" as kind:
            formula = formulas.skewness if kind == "skew" else formulas.kurtosis
            return formula(int(fields["count"]), int(fields["spread"]), int(fields["central"]))
        case kind:
            variance = _variance(fields, type_)
            if variance is None or kind == "var":
                return None if variance is None else float(variance)
            return formulas.signed_root(variance / int(fields["count"]) if kind == "sem" else variance, 1)


def _variance(fields: Mapping[str, int | Fraction], type_: ColumnType) -> Fraction | None:
    count = int(fields["count"])
    if count < 2:
        return None
    if "spread" in fields:
        return Fraction(int(fields["spread"]), count * (count - 1)) * type_.step**2
    # Of zeros and ones, from the rounded frequencies.
    total = int(fields["total"])
    return Fraction(count * total - total**2, count * (count - 1)) * type_.step**2


def _natural(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _record(release: CompiledRelease, columns: Sequence[Sequence[Cell]], plan: Plan) -> dict[str, Any]:
    node, policy = release.breakdown.node, release.policy
    suppressed = [
        {"statistic": s.kind, "columns": list(s.columns), "cell": _cell_name(node, i)}
        for s, cells in zip(node.statistics, columns, strict=True)
        for i, cell in enumerate(cells)
        if cell is SUPPRESSED
    ]
    return {
        "plan": plan.digest,
        "policy": policy.name,
        "threshold": policy.threshold,
        "rounding": rounding_text(policy),
        "rules": rules_text(policy) + own_rows_text(node.frame, plan),
        "suppressed": suppressed,
        "numeric_error": NUMERIC_ERROR,
        "kinds": list(dict.fromkeys(s.kind for s in node.statistics)),
        "ranges": public_ranges(node),
        "recipients": [plan.recipient["name"]],
        "institutions": list(plan.owners),
        "purpose": plan.purpose,
        "not_enforced": ["ledger against differencing", "budget", "approval", "dominance"],
    }


def public_ranges(node: Summarise) -> dict[str, list[Any]]:
    """Return the declared ends of the columns that statistics are about, by name, as plain JSON: figures' axes span them."""
    names = dict.fromkeys(name for statistic in node.statistics for name in statistic.columns)
    types = {name: node.frame.schema[name].type for name in names}
    return {
        name: [plain(type_.to_value(type_.low)), plain(type_.to_value(type_.high))]
        for name, type_ in types.items()
        if type_.is_ordered
    }


def _cell_name(node: Summarise, index: int) -> list[Any]:
    """The levels of a cell, as plain JSON."""
    names: list[Any] = []
    for levels in reversed(node.levels):
        index, at = divmod(index, len(levels))
        level = levels[at]
        names.append(level if isinstance(level, str | int | bool) else str(level))
    return names[::-1]


def rounding_text(policy: Policy) -> str:
    """What a policy does to numbers, in words."""
    if not policy.rounding:
        return "none"
    return f"frequencies to base {policy.rounding}; means, deviations, correlations to 3 significant digits"


def rules_text(policy: Policy) -> list[str]:
    """The rules that held for a release, in words."""
    t = policy.threshold
    rules = [
        f"a frequency is 0 or at least {t} distinct persons, and so is what its frame has beyond it",
        f"every other statistic is about at least {t} persons",
        f"each side of a condition inside an aggregated column is 0 or at least {t} persons",
        "cells that would give a withheld one away by subtraction are withheld too",
    ]
    if policy.sensitive_zeros:
        rules.append("empty cells of tables by a sensitive column are withheld")
    return rules


def own_rows_text(frame: Node, plan: Plan) -> list[str]:
    """What held because some of the rows are the recipient's own, in words."""
    own, owners = plan.recipient.get("affiliation"), owners_of(frame)
    if own not in owners or len(owners) == 1:
        return []
    return [f"every other statistic is about as many persons without the rows of {own}, the recipient's own, or nobody else"]
