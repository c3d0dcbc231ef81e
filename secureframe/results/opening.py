"""What a recipient does with three packages: unseal, put together, check, decode. The same for an analyst and an institution."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secureframe.disclosure.sealing import open_packages
from secureframe.plan.envelope import Plan
from secureframe.planner.compile import Compiled
from secureframe.results.decode import decode_release, open_outputs
from secureframe.results.released import ReleasedTable


def open_released(
    packages: Sequence[bytes], key: X25519PrivateKey, *, job: str, plan: Plan, compiled: Compiled
) -> list[ReleasedTable]:
    """Return the releases of a plan, in their order.

    Raises
    ------
    ProtocolAborted
        If a package was made for another job, plan, party or recipient, or the packages do not agree.
    """
    shares = open_packages(packages, key, job_id=job, plan_digest=plan.digest)
    opened = open_outputs(compiled, shares)
    return [decode_release(release, opened, plan) for release in compiled.releases]
