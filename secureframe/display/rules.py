"""What a release may reveal, in words: rules of policies, and what may be asked of a column."""

from __future__ import annotations

from collections.abc import Mapping

from secureframe.disclosure.policy import Policy, strictest
from secureframe.display import page
from secureframe.schema.table import Column, Field, Use
from secureframe.schema.types import Kind


def rules(policy: Policy) -> list[str]:
    """Return the rules of a policy, one sentence each."""
    found = [
        f"every count is 0 or at least {policy.threshold} persons, every other statistic is about at least {policy.threshold}",
        "numbers are not rounded"
        if policy.rounding == 0
        else f"counts are rounded to multiples of {policy.rounding}, other numbers to 3 significant digits",
    ]
    if policy.tail > 2:
        found.append(f"quantiles over several institutions leave at least {policy.tail} values on either side")
    if policy.sensitive_zeros:
        found.append("empty cells are withheld in tables by a sensitive column")
    if policy.pooled_only:
        found.append("an institution's rows leave only together with those of others")
    if policy.every_part:
        found.append(f"what each institution adds to a count is 0 or at least {policy.threshold}")
    if policy.tagged_joins:
        found.append("joins may tell the compute parties how many keys two tables have in common")
    if policy.purposes is not None:
        found.append(f"for these purposes alone: {', '.join(policy.purposes) or 'none'}")
    if policy.recipients is not None:
        found.append(f"to these recipients alone: {', '.join(policy.recipients) or 'nobody'}")
    return found


def together(policies: Mapping[str, Policy]) -> str:
    """Return in one line what rules a release about some institutions' data follows: of every rule the strictest."""
    policy = strictest(policies.values())
    rounding = "not rounded" if policy.rounding == 0 else f"rounded to {policy.rounding}"
    return f"{policy.name}: 0 or at least {policy.threshold} persons in every cell, {rounding}"


def allowed(of: Field | Column) -> str:
    """Return what a release may say of a column, by its type, its flags and what its owners allow."""
    if of.type.kind is Kind.KEY:
        return "nothing: it links rows"
    found = []
    if Use.GROUP in of.uses and of.type.levels is not None:
        found.append(f"groups ({len(of.type.levels)})")
    if Use.AGGREGATE in of.uses:
        found.append("counts")
        if of.type.is_numeric and not of.magnitude:
            found.append("means")
        if of.type.is_ordered:
            found.append("quantiles")
    return ", ".join(found) or "nothing"


def uses(of: Field | Column) -> str:
    """Return what owners allow a column to be used for; an empty text where that is everything."""
    return "" if len(of.uses) == len(Use) else ", ".join(sorted(of.uses)) or "nothing"


def flags(of: Field | Column) -> list[str]:
    """Return the classes that a column is declared to be of."""
    return [flag for flag, on in (("sensitive", of.sensitive), ("magnitude", of.magnitude)) if on]


def type_html(of: Field | Column) -> page.Html:
    """Return a column's type as HTML, and the classes that it is declared to be of."""
    return page.Html("".join([page.escape(of.type.describe()), *(" " + page.chip(flag, "withheld") for flag in flags(of))]))
