"""The port to whoever proves who a customer is (C26)."""

from dataclasses import dataclass, field
from typing import Protocol

from portal_contracts.identity_verification import IdentityCheckForm
from portal_identity.identity_comparison import ProvenPerson


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """The secrets of one check. The state travels with the browser; only what is fetched with the others counts."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class IdentityProvider(Protocol):
    """Somebody who proves who a person is, such as by the chip of the My Number card (C26)."""

    async def begin(self, check: IdentityCheck) -> str:
        """Give the address the customer is sent to.

        TryLater IDENTITY_PROVIDER_UNAVAILABLE; Misconfigured IDENTITY_PROVIDER_MISCONFIGURED.
        """

    async def conclude(self, check: IdentityCheck, answer: IdentityCheckForm) -> ProvenPerson:
        """Fetch what was proven with what the browser brought back: a code works once, so nothing is repeated.

        Refused IDENTITY_NOT_PROVEN where the customer or the provider said no, or the answer does not check; TryLater
        and Misconfigured as `begin`.
        """
