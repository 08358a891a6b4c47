"""Opportunities of running services in Salesforce (R208-R218, C27): the `Contracts` port.

Stage names are constants by code point, in the profile; what the org has no field for is left out.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

from portal_chassis.logs import get_logger
from portal_contracts.cancellation import ContractStage, LineReturn
from portal_contracts.catalog import Category
from portal_contracts.problems import TryLater
from portal_orders.cancellation_ports import Contract
from portal_orders.ports import OrderMoved
from portal_orders.salesforce_records import OPPORTUNITY, whole_id
from portal_salesforce import Dialect, DialectSource, Reference, Salesforce, SalesforceRefusal, change, lookup, soql
from portal_salesforce.field_values import moment

NOTICE_RECEIVED: Final = "Received"
RETURN_OPEN: Final = "NotYet"
RETURN_NOT_NEEDED: Final = "NotNeeded"
_RETURNS: Final[Mapping[str, LineReturn]] = {
    "notyet": "not_yet",
    "sentkit": "kit_sent",
    "returned": "returned",
    "notneeded": "not_needed",
}
_CATEGORIES: Final[tuple[Category, ...]] = ("internet", "sim", "vpn")
_OPTIONAL: Final = (
    "opportunity.serviceId",
    "opportunity.commodityType",
    "opportunity.scheduledCancellation",
    "opportunity.lineReturn",
)
_AS_READ: Final = "asread"
_STAMP: Final = timedelta(seconds=1)
"""What a time of Salesforce's is exact to."""

_log = get_logger(__name__)


class SalesforceContracts:
    """The port on an org, through its dialect."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._dialect = DialectSource(salesforce, OPPORTUNITY)

    async def of_service(self, account_id: str, service_id: int) -> Contract | None:
        """Query the account's opportunities; the id may be kept as number or text, so it is compared here (C06)."""
        dialect = await self._dialect.current()
        if not dialect.has("opportunity.serviceId"):
            return None
        names = [dialect.field(name) for name in _OPTIONAL if dialect.has(name)]
        query = (
            soql.select(OPPORTUNITY, "Id", "AccountId", "StageName", "SystemModstamp", *names)
            .with_children("Orders", soql.select("Orders", "Id").order_by("CreatedDate", descending=True).limit(1))
            .where(soql.equals("AccountId", account_id), soql.differs(dialect.field("opportunity.serviceId"), None))
            .order_by("CreatedDate", descending=True)
        )
        field = dialect.field("opportunity.serviceId")
        for record in await self._salesforce.query(query):
            if whole_id(record.get(field)) == service_id:
                return _contract(record, dialect)
        return None

    async def write_cancelling(self, contract: Contract, ends_at: datetime, *, equipment: bool) -> None:
        """Change stage, date, notice and return in one go."""
        await self._write(
            contract,
            "cancelling",
            {
                "opportunity.scheduledCancellation": ends_at,
                "opportunity.cancellationNotice": NOTICE_RECEIVED,
                "opportunity.lineReturn": RETURN_OPEN if equipment else RETURN_NOT_NEEDED,
            },
        )

    async def write_active(self, contract: Contract) -> None:
        """Change the stage and empty the rest."""
        await self._write(
            contract,
            "active",
            {
                "opportunity.scheduledCancellation": None,
                "opportunity.cancellationNotice": None,
                "opportunity.lineReturn": None,
            },
        )

    async def write_cancelled(self, contract: Contract) -> None:
        """Change the stage; equipment may still be on its way."""
        await self._write(contract, "cancelled", {})

    async def _write(self, contract: Contract, stage: str, optional: Mapping[str, Any]) -> None:
        dialect = await self._dialect.current()
        fields: dict[str, Any] = {"StageName": dialect.write("opportunity.stage", stage)}
        fields.update({dialect.field(name): value for name, value in optional.items() if dialect.has(name)})
        unchanged = soql.below("SystemModstamp", contract.changed_at.replace(microsecond=0) + _STAMP)
        found = soql.select(OPPORTUNITY, "Id").where(soql.equals("Id", contract.opportunity_id), unchanged)
        steps = [
            lookup(_AS_READ, found),
            change("opportunity", OPPORTUNITY, Reference(_AS_READ, found=True), fields),
        ]
        try:
            await self._salesforce.composite(steps)
        except SalesforceRefusal as refusal:
            if refusal.nothing_found or refusal.missing:
                raise OrderMoved from None
            _log.error("salesforce refused a cancellation's write", code=refusal.error_code, fields=refusal.fields)
            raise TryLater("SALESFORCE_UNAVAILABLE", retry_after=60) from None


def _contract(record: Mapping[str, Any], dialect: Dialect) -> Contract:
    def custom(name: str) -> Any:
        return record.get(dialect.field(name)) if dialect.has(name) else None

    changed_at = moment(record["SystemModstamp"])
    if changed_at is None:
        raise ValueError("an opportunity without its time")
    orders = record.get("Orders") or []
    returned = str(custom("opportunity.lineReturn") or "").strip().casefold()
    return Contract(
        opportunity_id=record["Id"],
        account_id=record["AccountId"],
        stage=cast("ContractStage", dialect.read("opportunity.stage", record["StageName"])),
        changed_at=changed_at,
        order_id=orders[0]["Id"] if orders else None,
        category=_category(str(custom("opportunity.commodityType") or "")),
        ends_at=moment(custom("opportunity.scheduledCancellation")),
        line_return=_RETURNS.get(returned, "unknown"),
    )


def _category(commodity: str) -> Category | None:
    """Read a CommodityType (R231): Internet's are two, the others carry the category's own name."""
    words = commodity.casefold()
    return next((category for category in _CATEGORIES if category in words.split()), None)
