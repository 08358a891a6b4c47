"""What the use cases need from outside, in our words."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from portal_contracts.billing import BillingProduct
from portal_contracts.internet_standing import InternetStanding
from portal_contracts.operators import OperatorCommand, OperatorOutcome

if TYPE_CHECKING:
    from portal_catalog.snapshot import Snapshot
    from portal_chassis.call import Call
    from portal_chassis.operator_actions import PlanMaker
    from portal_chassis.postgres import Transaction


@dataclass(frozen=True, slots=True)
class ListedProduct:
    """A product as the sales system has it, before any rule: texts may be anything, also missing (R083)."""

    product_id: str
    sku: str | None
    name: str
    name_ja: str | None
    description: str | None
    description_ja: str | None
    active: bool
    visible: bool
    category: str | None
    item_class: str | None
    billing_cycle: str | None
    whmcs_product_ids: tuple[str, ...]
    """What each alias of the field says; two different values are a defect (C05)."""
    options_json: str | None
    eligibility: str | None
    entry_id: str | None
    price: Decimal | None
    """In yen, from the portal's price book; None when there is no active entry."""


class ProductSource(Protocol):
    """The sales system. Raises TryLater while it is away, Misconfigured when it refuses our set-up."""

    async def products(self) -> Sequence[ListedProduct]:
        """Read every product there is, with its price in the portal's price book (R079)."""


class BillingVerdicts(Protocol):
    """What billing knows of products. Raises TryLater while it is away."""

    async def products(self, whmcs_product_ids: Sequence[int]) -> Sequence[BillingProduct]:
        """Tell for each id whether it exists, at what prices, and whether its orders can be found again."""


class Standings(Protocol):
    """Whether a customer may order Internet, as of about a minute ago."""

    async def read(self, account_id: str, whmcs_client_id: int, plans: Sequence[int]) -> InternetStanding:
        """Give an account's standing; `plans` are the WHMCS ids of Internet plans.

        Raises TryLater when nobody knows it now, Misconfigured when nobody will.
        """

    async def forget(self, account_id: str) -> None:
        """Something about the account changed: what is kept is not given any more."""


class SnapshotStore(Protocol):
    """Where the catalog outlives a restart."""

    async def load(self) -> "Snapshot | None":
        """Give the last saved snapshot."""

    async def save(self, transaction: "Transaction", snapshot: "Snapshot") -> None:
        """Replace it."""


class Desk(Protocol):
    """The chassis's operator desk: it carries out, remembers and writes down."""

    async def carry_out(
        self, command: OperatorCommand[Any], call: "Call", plan: "PlanMaker", *, target: str
    ) -> OperatorOutcome:
        """Plan a command and, unless it is a dry run, do it once."""
