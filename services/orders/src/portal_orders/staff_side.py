"""What stands behind eligibility checks, reviews and kept carts, as one bundle for the wiring."""

from dataclasses import dataclass

from portal_orders.eligibility_ports import EligibilityBook, Shelf, StaffCases, Verifications
from portal_orders.keep_cart import KeptCarts


@dataclass(frozen=True, slots=True)
class StaffSide:
    """The ports."""

    eligibility: EligibilityBook
    shelf: Shelf
    cases: StaffCases
    verifications: Verifications
    carts: KeptCarts
