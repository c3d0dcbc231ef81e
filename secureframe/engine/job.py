"""A job as an institution has admitted it: what its compute party is told, and how many bytes come and go.

A file of its own, because a party needs nothing of what admits and deals: no plans, no tables, no Polars.
"""

from __future__ import annotations

from dataclasses import dataclass

from secureframe.mpc.program import Program
from secureframe.mpc.sharing import message_bytes, word_count

COMPONENT_BYTES = 16
"""Both components of a word, as a party hands them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedJob:
    """A plan that an institution has admitted, ready to run; travels inside one institution only.

    Parameters
    ----------
    job_id : str
        32 hexadecimal characters of the request's digest; the nonce in it makes every run another one.
    plan_digest : str
        Digest of what is asked.
    owners : tuple of str
        Institutions that deal inputs, sorted.
    stages : tuple of str
        ``share`` first, ``release`` last.
    analyst : str
        The key that signed the request, base64: whose earlier statements it may start from.
    recipient_key : str
        X25519 public key that results are sealed to, base64.
    recipient : str or None
        The institution that the parties' hosts hand their packages to; None where the analyst is the recipient.
    program : Program
        What the parties run.
    """

    job_id: str
    plan_digest: str
    owners: tuple[str, ...]
    stages: tuple[str, ...]
    analyst: str
    recipient_key: str
    program: Program
    recipient: str | None = None

    def dealt_bytes(self, owner: str, index: int) -> int:
        """Return the exact length of the message that an owner deals to party ``index``."""
        return message_bytes((spec.value for spec in self.program.inputs if spec.owner == owner), index)

    @property
    def released_bytes(self) -> int:
        """The exact length of the shares in every party's package."""
        return sum(COMPONENT_BYTES * word_count(value) for value in self.program.outputs)
