"""What stands behind eligibility, reviews and kept carts, as one bundle for the wiring."""

from dataclasses import dataclass

from portal_orders.eligibility_ports import AccountEligibility, EligibilityBook, Shelf, StaffCases, Verifications
from portal_orders.keep_cart import KeptCarts


@dataclass(frozen=True, slots=True)
class StaffSide:
    """The ports."""

    accounts: AccountEligibility
    eligibility: EligibilityBook
    shelf: Shelf
    cases: StaffCases
    verifications: Verifications
    carts: KeptCarts
