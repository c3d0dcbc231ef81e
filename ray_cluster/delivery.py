"""A sealed package on its way from the host of a party to the institution that receives the result.

It goes to the recipient's gateway, over mutual TLS 1.3 with both certificates pinned: never by way of the analyst. Everything
that is sent has a length that follows from the plan.
"""

from __future__ import annotations

import httpx

from ray_cluster.federation import FederationDescription
from ray_cluster.identities import ProcessIdentity
from secureframe.errors import PartyUnavailable

ADMISSION_SECONDS = 30.0
"""How long a recipient waits for its own admission of a job whose package has come already."""
_SECONDS = ADMISSION_SECONDS + 30.0


class Courier:
    """Hands an institution's packages to recipients.

    Parameters
    ----------
    identity : ProcessIdentity
        The institution that hosts the party.
    description : FederationDescription
        Where recipients are, and their certificates.
    """

    def __init__(self, identity: ProcessIdentity, description: FederationDescription) -> None:
        self._identity = identity
        self._description = description

    def hand_over(self, recipient: str, job_id: str, party: int, package: bytes) -> None:
        """Send a package to its recipient and wait until that has taken it.

        Raises
        ------
        PartyUnavailable
            If the recipient cannot be reached, or refuses it.
        """
        try:
            with self._client(recipient) as client:
                taken = client.post(f"/packages/{job_id}/{party}", content=package).status_code == 200
        except (httpx.HTTPError, KeyError, RuntimeError):
            taken = False
        if not taken:
            raise PartyUnavailable(
                f"{recipient} could not take the result that is meant for it",
                hint="run the statement again once the institution is back",
                institution=recipient,
            )

    def _client(self, recipient: str) -> httpx.Client:
        member = self._description.member(recipient)
        if member.gateway is None:
            raise KeyError(recipient)
        host, port = member.gateway
        return httpx.Client(
            base_url=f"https://{host}:{port}",
            verify=self._identity.client_context(member.certificate),
            trust_env=False,
            timeout=httpx.Timeout(5.0, read=_SECONDS),
        )
