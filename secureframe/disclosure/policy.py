"""Policies: an institution's rules for what may leave, and the strictest of several.

A policy that is not set denies. Nothing that an analyst writes reaches these values: the plan only names the digests of
the policies that it was built against.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from secureframe.errors import PolicyError
from secureframe.plan.codec import digest

ROUNDINGS = (0, 5)
NUMBERS = ("threshold", "rounding", "tail")
ANALYST = "analyst"
"""What policies call whoever asks, as a recipient of results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one institution.

    Parameters
    ----------
    name : str
        The preset it comes from, or a name of its own.
    threshold : int
        A frequency is 0 or at least this many distinct persons; every other statistic needs as many.
    rounding : int
        0, or 5: counts are rounded to multiples of 5 and means, deviations and correlations to 3 significant digits,
        on shares, before anything opens.
    sensitive_zeros : bool
        Withhold empty cells, and lines that one cell holds whole, in tables by a column declared sensitive.
    pooled_only : bool
        The institution's rows leave only together with those of others: no frame, cell or label that is of its rows alone, and
        of every count that is not 0 at least the threshold is left without any one institution's rows.
    every_part : bool
        What each institution adds to a frequency is 0 or at least the threshold too, which also holds against several of them.
        Without it, the frequency is, pooled and with each institution's rows left out in turn.
    tail : int
        Fewest values on either side of a quantile over several institutions, once any one of them has left its own out: fewer
        would be next to the least or the greatest value of the others.
    tagged_joins : bool
        Joins of tables with one row a person may open to the three compute parties, and to nobody else, how many keys two tables
        have in common, of more tables in how many of them keys occur: few rounds, where the institutions lie far apart. Without
        it, a join opens nothing of the kind.
    purposes : tuple of str or None
        Purposes that are allowed; None allows any that is stated.
    recipients : tuple of str or None
        To whom results about this institution's data may go: names of institutions, and ``"analyst"`` for whoever asks; None
        allows the analyst and every member of the federation.
    ledger, budget, approval, audit : bool
        Rules that this version does not have. A policy that asks for one of them denies.
    """

    name: str
    threshold: int = 10
    rounding: int = 0
    sensitive_zeros: bool = False
    pooled_only: bool = False
    every_part: bool = False
    tail: int = 3
    tagged_joins: bool = False
    purposes: tuple[str, ...] | None = None
    recipients: tuple[str, ...] | None = None
    ledger: bool = False
    budget: bool = False
    approval: bool = False
    audit: bool = False

    def __post_init__(self) -> None:
        if self.threshold < 2:
            raise PolicyError("a threshold below 2 protects nobody", hint="threshold=10")
        if self.tail < 2:
            raise PolicyError("a least or greatest value of others is not to be told", hint="tail=3")
        if self.rounding not in ROUNDINGS:
            raise PolicyError(f"rounding to base {self.rounding} is not offered", hint="rounding=0 or rounding=5")
        wanted = [n for n in ("ledger", "budget", "approval", "audit") if getattr(self, n)]
        if wanted:
            raise PolicyError(
                f"the policy asks for {', '.join(wanted)}, which this version does not have: it denies everything",
                hint="policy='open-research' or policy='standard'",
            )

    @property
    def digest(self) -> str:
        return digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; numbers as text, as in plans."""
        record = asdict(self)
        record |= {name: str(record[name]) for name in NUMBERS}
        record["purposes"] = None if self.purposes is None else list(self.purposes)
        record["recipients"] = None if self.recipients is None else list(self.recipients)
        return record

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Policy:
        values = dict(record)
        values |= {name: int(values[name]) for name in NUMBERS}
        for name in ("purposes", "recipients"):
            values[name] = None if values[name] is None else tuple(values[name])
        return Policy(**values)


PRESETS = {
    "open-research": Policy(name="open-research"),
    "standard": Policy(name="standard", rounding=5, sensitive_zeros=True, tail=10),
}


def preset(policy: str | Policy) -> Policy:
    """Return a policy by the name of its preset; a `Policy` is returned as it is."""
    if isinstance(policy, Policy):
        return policy
    if policy == "strict":
        raise PolicyError(
            "policy 'strict' needs approvals and a ledger, which this version does not have",
            hint="policy='standard', with sf.Policy(name='own', rounding=5, tail=10, pooled_only=True, every_part=True)",
        )
    if policy not in PRESETS:
        raise PolicyError(f"there is no policy {policy!r}", hint=f"{', '.join(map(repr, PRESETS))}, or a sf.Policy")
    return PRESETS[policy]


def strictest(policies: Iterable[Policy]) -> Policy:
    """Return the rules that hold where several institutions' data meet: of every rule the strictest."""
    all_ = list(policies)
    if not all_:
        raise PolicyError("an institution without a policy denies")
    result = all_[0]
    for other in all_[1:]:
        result = replace(
            result,
            name=result.name if result.name == other.name else f"{result.name}+{other.name}",
            threshold=max(result.threshold, other.threshold),
            rounding=max(result.rounding, other.rounding),
            sensitive_zeros=result.sensitive_zeros or other.sensitive_zeros,
            pooled_only=result.pooled_only or other.pooled_only,
            every_part=result.every_part or other.every_part,
            tail=max(result.tail, other.tail),
            tagged_joins=result.tagged_joins and other.tagged_joins,
            purposes=_common(result.purposes, other.purposes),
            recipients=_common(result.recipients, other.recipients),
        )
    return result


def _common(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What both allow; None allows everything."""
    if one is None or other is None:
        return other if one is None else one
    return tuple(name for name in one if name in other)


def require_recipient(policies: Mapping[str, Policy], recipient: str) -> None:
    """Refuse a recipient whom an owner does not allow.

    Parameters
    ----------
    policies : mapping
        The policies of all owners whose data a plan touches.
    recipient : str
        The name of an institution, or ``"analyst"`` for whoever asks.

    Raises
    ------
    PolicyError
        Naming the first owner that does not allow it, and whom it does.
    """
    for owner, policy in policies.items():
        if policy.recipients is not None and recipient not in policy.recipients:
            who = "the analyst who asks" if recipient == ANALYST else recipient
            allowed = ", ".join(policy.recipients) or "nobody"
            raise PolicyError(
                f"{owner} does not allow results about its data to go to {who}",
                hint=f"it allows {allowed}: with sf.defer(recipient=...), or ask {owner}",
                institution=owner,
            )
