"""How a deletion stands, system by system, and what stands in its way. No SQL, no bus."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from portal_contracts.forgetting import CustomerForgotten
from portal_contracts.identity_personal_data import DataSystem, ErasureProof, SystemStanding
from portal_identity.ports import Billing, Owners

SYSTEMS: Final[tuple[DataSystem, ...]] = get_args(DataSystem)
_NOTHING_STAYS: Final = frozenset({"erased", "anonymised"})


@dataclass(frozen=True, slots=True)
class FindHindrance:
    """What keeps a customer from being forgotten: the first of it, as a problem's code (D17)."""

    billing: Billing
    owners: Owners

    async def __call__(self, account_id: str, whmcs_client_id: int) -> str | None:
        """Give the code, or None. A cancellation comes before the service it ends. TryLater while nobody can tell."""
        under_way = await self.owners.open_business(account_id)
        if under_way.cancellations:
            return "DELETION_CANCELLATION_OPEN"
        if under_way.orders:
            return "DELETION_ORDER_OPEN"
        return "DELETION_NOT_POSSIBLE" if await self.billing.has_services(whmcs_client_id) else None


def standings(proofs: Iterable[ErasureProof]) -> Sequence[SystemStanding]:
    """Give every system: open until there is a proof, kept when its proof says that something stays."""
    proven = {proof.system: proof for proof in proofs}
    return [_standing(system, proven.get(system)) for system in SYSTEMS]


def _standing(system: DataSystem, proof: ErasureProof | None) -> SystemStanding:
    if proof is None:
        return SystemStanding(system=system, state="open")
    state = "done" if proof.action in _NOTHING_STAYS else "kept"
    return SystemStanding.model_validate({"system": system, "state": state, "reason": proof.reason, "at": proof.at})


def proof_words(told: CustomerForgotten) -> tuple[str, str]:
    """Give action and reason of the proof for what a service told; counts of nothing are left out."""
    removed, kept = _counted(told.removed), _counted(told.kept)
    words = f"removed: {removed or 'nothing was there'}"
    return ("retained", f"{words}; kept: {kept} ({told.because})") if kept else ("erased", words)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items()) if number)
