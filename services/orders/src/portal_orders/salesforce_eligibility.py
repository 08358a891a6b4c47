"""An account's eligibility in Salesforce (reference salesforce.md 3.2): the `AccountEligibility` port."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

from portal_chassis.clocks import TOKYO
from portal_chassis.logs import get_logger
from portal_contracts.problems import TryLater
from portal_orders import salesforce_records as records
from portal_orders.eligibility import FoundEligibility, state_of
from portal_salesforce import (
    Dialect,
    DialectSource,
    Record,
    Reference,
    Salesforce,
    SalesforceRefusal,
    SubRequest,
    change,
    creation,
    load_profile,
    lookup,
    soql,
)
from portal_salesforce.field_values import moment

SOURCE: Final = "Portal - Internet Eligibility Request"
NAME: Final = "Internet eligibility request"
FIELDS: Final = (
    "account.eligibility",
    "account.eligibilityStatus",
    "account.eligibilityRequestedAt",
    "account.eligibilityCheckedAt",
)
INTRODUCTION: Final = "introduction"
NOT_ELIGIBLE: Final = "No Internet line is available at the address."
_UNASKED: Final = "unasked"
_AT_FIRST: Final = "introduced"
_log = get_logger(__name__)


class SalesforceEligibility:
    """The port on an org, through its dialect."""

    def __init__(self, salesforce: Salesforce, *, internet_commodity: str) -> None:
        self._salesforce = salesforce
        self._internet = internet_commodity
        self._dialect = DialectSource(salesforce, "Account", records.OPPORTUNITY)
        aliases = load_profile(salesforce.settings.dialect).fields
        self._watched = {name for logical in FIELDS for name in aliases[logical]}

    async def read(self, account_id: str) -> FoundEligibility | None:
        """Read the account; several types stand in one text, with a comma or semicolon between them."""
        dialect = await self._dialect.current()
        result, status, requested, checked = (dialect.field(name) for name in FIELDS)
        names = [result, status, requested, checked, "SystemModstamp"]
        found = await self._salesforce.read("Account", account_id, names)
        if found is None:
            return None
        meanings = dialect.picklist("account.eligibility")
        texts = [text.strip() for text in str(found.get(result) or "").replace(",", ";").split(";") if text.strip()]
        known = dialect.read("account.eligibilityStatus", found.get(status))
        state, types, failed = state_of(known, [(text, meanings.read(text)) for text in texts])
        changed_at = moment(found["SystemModstamp"])
        if changed_at is None:
            raise ValueError("an account without its time")
        return FoundEligibility(
            state=state,
            types=types,
            requested_at=moment(found.get(requested)),
            checked_at=moment(found.get(checked)) if state in ("eligible", "not_eligible") else None,
            changed_at=changed_at,
            address_failed=failed,
        )

    async def submit(self, account_id: str, key: str, at: datetime) -> None:
        """Change the account if no later check was asked for, and make an opportunity where none is open."""
        dialect = await self._dialect.current()
        asked = dialect.field("account.eligibilityRequestedAt")
        unasked = soql.any_of(soql.equals(asked, None), soql.below(asked, at))
        pending: dict[str, Any] = {
            dialect.field("account.eligibilityStatus"): dialect.write("account.eligibilityStatus", "pending"),
            asked: at,
        }
        steps = [
            lookup(_UNASKED, soql.select("Account", "Id").where(soql.equals("Id", account_id), unasked)),
            change("account", "Account", Reference(_UNASKED, found=True), pending),
        ]
        if not await self._has_opportunity(dialect, account_id):
            fields = self._opportunity(dialect, account_id, key, at)
            steps.append(creation("opportunity", records.OPPORTUNITY, fields))
        await self._written(steps)

    async def _written(self, steps: Sequence[SubRequest]) -> None:
        try:
            await self._salesforce.composite(steps)
        except SalesforceRefusal as refusal:
            if refusal.nothing_found:
                return  # an earlier try got through
            _log.error("salesforce refused a write of ours", code=refusal.error_code, fields=refusal.fields)
            raise TryLater("SALESFORCE_UNAVAILABLE", retry_after=60) from None

    async def conclude(self, account_id: str, key: str, *, eligible: bool, on: date) -> None:
        """Change each enquiry that is still in Introduction; the composite looks for that once more."""
        dialect = await self._dialect.current()
        for enquiry in await self._enquiries(dialect, account_id, key):
            if not enquiry.get("Orders"):
                await self._move(dialect, enquiry, eligible=eligible, on=on)

    async def _enquiries(self, dialect: Dialect, account_id: str, key: str) -> Sequence[Record]:
        if dialect.has("opportunity.commodityType"):
            commodities = records.commodities("internet", self._internet)
            found = records.open_opportunities(dialect, account_id, commodities, [INTRODUCTION])
        else:
            own = soql.equals(dialect.field("opportunity.key"), f"eligibility-{key}")
            orders = soql.select("Orders", "Id").limit(1)
            found = soql.select(records.OPPORTUNITY, "Id", "Description").with_children("Orders", orders).where(own)
        return await self._salesforce.query(found)

    async def _move(self, dialect: Dialect, enquiry: Record, *, eligible: bool, on: date) -> None:
        """Move one; where it went on meanwhile, or was moved by an earlier try, nothing is written."""
        fields: dict[str, Any] = {"StageName": dialect.write("opportunity.stage", "ready" if eligible else "void")}
        if not eligible:
            fields["Description"] = records.reason_appended(enquiry.get("Description"), NOT_ELIGIBLE, on)
        first = dialect.picklist("opportunity.stage").texts(INTRODUCTION)
        still = soql.select(records.OPPORTUNITY, "Id").where(
            soql.equals("Id", enquiry["Id"]), soql.one_of("StageName", first)
        )
        steps = [
            lookup(_AT_FIRST, still),
            change("opportunity", records.OPPORTUNITY, Reference(_AT_FIRST, found=True), fields),
        ]
        await self._written(steps)

    def concerns(self, fields: Collection[str]) -> bool:
        """Compare with every name the eligibility fields may have."""
        return not fields or not self._watched.isdisjoint(fields)

    async def _has_opportunity(self, dialect: Dialect, account_id: str) -> bool:
        if not dialect.has("opportunity.commodityType"):
            return False
        commodities = records.commodities("internet", self._internet)
        found = await self._salesforce.query(records.open_opportunities(dialect, account_id, commodities))
        return any(not record.get("Orders") for record in found)

    def _opportunity(self, dialect: Dialect, account_id: str, key: str, at: datetime) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "Name": NAME,
            "AccountId": account_id,
            "StageName": dialect.write("opportunity.stage", "introduction"),
            "CloseDate": at.astimezone(TOKYO).date(),
            dialect.field("opportunity.key"): f"eligibility-{key}",
        }
        optional = {"opportunity.commodityType": self._internet, "opportunity.portalSource": SOURCE}
        return fields | {dialect.field(name): value for name, value in optional.items() if dialect.has(name)}
