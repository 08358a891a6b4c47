"""Orders and opportunities in Salesforce (reference salesforce.md 2.5, 3.2, 3.3): the `SalesOrders` port.

Orders are changed under a condition: the composite first looks for the order as it was read and changes what it found,
so that a write which arrives late, after others, finds nothing and fails as a whole (reference salesforce.md 2.5, 2.8).

What must not happen twice is created in one all-or-nothing composite under unique keys. An upsert would do the same,
but one that arrives late would set a submitted order back to Draft; a late create is refused as a duplicate.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from portal_chassis.clocks import TOKYO
from portal_chassis.logs import get_logger
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import Refused, TryLater
from portal_orders import review
from portal_orders import salesforce_records as records
from portal_orders.order import BEFORE_APPROVAL, SalesOrder
from portal_orders.ports import Concern, NewOrder, OrderMoved, Prospects
from portal_orders.salesforce_porting import FIELDS as PORTING_FIELDS
from portal_orders.salesforce_porting import porting_fields
from portal_salesforce import (
    Dialect,
    DialectSource,
    Reference,
    Salesforce,
    SalesforceRefusal,
    SubReply,
    SubRequest,
    change,
    creation,
    load_profile,
    lookup,
    soql,
)

_READ_BACK: Final = "readback"
_AS_READ: Final = "asread"
_SAME_ORDER: Final = Reference(_AS_READ, found=True)
"""The order, if nobody has changed it since it was read."""
_STAMP: Final = timedelta(seconds=1)
"""What a time of Salesforce's is exact to."""
_VOIDABLE: Final = frozenset({"introduction", "ready", "post_processing"})
_PROVISIONING_DATA: Final = (*records.SCHEDULE, "order.eid", "order.simCardNumber", *PORTING_FIELDS)
_log = get_logger(__name__)


class SalesforceOrders:
    """The port on an org, through its dialect."""

    def __init__(self, salesforce: Salesforce, *, internet_commodity: str) -> None:
        self._salesforce = salesforce
        self._internet = internet_commodity
        self._dialect = DialectSource(salesforce, records.ORDER, records.ITEM, records.OPPORTUNITY)
        fields = load_profile(salesforce.settings.dialect).fields
        self._approval_fields = {"Status", *fields["order.activationStatus"]}
        self._data_fields = {name for logical in _PROVISIONING_DATA for name in fields[logical]}

    async def prospects(self, order: NewOrder) -> Prospects:
        """Ask for the order by its key and for opportunities without orders, in one call."""
        dialect = await self._dialect.current()
        steps = [lookup("order", self._by_key(dialect, order.key))]
        if dialect.has("opportunity.commodityType"):
            kinds = records.commodities(order.category, self._internet)
            steps.append(lookup("opportunities", records.open_opportunities(dialect, order.account_id, kinds)))
        replies = await self._salesforce.composite(steps)
        placed = replies["order"].records
        found = replies["opportunities"].records if "opportunities" in replies else []
        return Prospects(
            placed=records.sales_order(placed[0], dialect) if placed else None,
            opportunities=[record["Id"] for record in found if not record.get("Orders")],
        )

    async def place(self, order: NewOrder, opportunity_id: str | None) -> SalesOrder:
        """Create opportunity (or move the one found on), order and items, submit, and read back: one transaction."""
        dialect = await self._dialect.current()
        steps: list[SubRequest] = []
        owner: str | Reference = Reference("opportunity")
        if opportunity_id is None:
            commodity = records.commodities(order.category, self._internet)[0]
            fields = records.opportunity_fields(order, dialect, commodity)
            steps.append(creation("opportunity", records.OPPORTUNITY, fields))
        else:
            owner = opportunity_id
            stage = {"StageName": dialect.write("opportunity.stage", "post_processing")}
            steps.append(change("opportunity", records.OPPORTUNITY, opportunity_id, stage))
        pricebook_id = self._salesforce.settings.require_pricebook()
        created = records.order_fields(order, dialect, owner, pricebook_id)
        steps.append(creation("order", records.ORDER, created))
        steps += [
            creation(f"item{number}", records.ITEM, records.item_fields(item, dialect, Reference("order")))
            for number, item in enumerate(order.items, 1)
        ]
        submitted = {"Status": dialect.write("order.status", "pending_review")}
        steps.append(change("submit", records.ORDER, Reference("order"), submitted))
        steps.append(lookup(_READ_BACK, self._by_key(dialect, order.key)))
        try:
            return _read_back_of(await self._salesforce.composite(steps), dialect)
        except SalesforceRefusal as refusal:
            if refusal.duplicate:
                return await self._of_an_earlier_try(order)
            _log.warning("an order was refused", code=refusal.error_code, fields=refusal.fields, key=order.key)
            raise Refused("PRODUCT_NOT_ORDERABLE", facts={"sku": order.service_name}) from None

    async def _of_an_earlier_try(self, order: NewOrder) -> SalesOrder:
        placed = (await self.prospects(order)).placed
        if placed is None:
            raise TryLater("SALESFORCE_UNAVAILABLE")
        return placed

    async def withdraw(self, key: str, reason: str) -> None:
        """Cancel the order and void its opportunity in one transaction."""
        dialect = await self._dialect.current()
        found = await self._salesforce.query(self._by_key(dialect, key))
        order = records.sales_order(found[0], dialect) if found else None
        if order is None or order.state not in BEFORE_APPROVAL:
            return
        cancelled = {"Status": dialect.write("order.status", "cancelled")}
        steps = [_as_read(dialect, order), change("order", records.ORDER, _SAME_ORDER, cancelled)]
        if order.opportunity_id is not None:
            fields = await self._void_fields(dialect, order.opportunity_id, reason, order.changed_at)
            steps += [change("opportunity", records.OPPORTUNITY, order.opportunity_id, fields)] if fields else []
        await self._harmless(steps)

    async def cancel(self, order: SalesOrder, note: str) -> SalesOrder:
        """Change order and opportunity in one transaction."""
        dialect = await self._dialect.current()
        noted = "\n".join(part for part in (order.description, note) if part)
        cancelled = {"Status": dialect.write("order.status", "cancelled"), "Description": noted[: review.LONGEST]}
        steps = [change("order", records.ORDER, _SAME_ORDER, cancelled)]
        if order.opportunity_id is not None:
            fields = await self._void_fields(dialect, order.opportunity_id, note, order.changed_at)
            steps += [change("opportunity", records.OPPORTUNITY, order.opportunity_id, fields)] if fields else []
        return await self._written(dialect, order, steps, only="pending_review")

    async def write_review(self, order: SalesOrder, card: str) -> SalesOrder:
        """Change the description; what others wrote in it stays, a rejection of the same second too (C36)."""
        dialect = await self._dialect.current()
        fields = {"Description": review.with_card(order.description, card)}
        return await self._written(
            dialect, order, [change("order", records.ORDER, _SAME_ORDER, fields)], only="pending_review"
        )

    async def read(self, order_ids: Collection[str]) -> Mapping[str, SalesOrder]:
        """Query by id, 200 a call."""
        if not order_ids:
            return {}
        dialect = await self._dialect.current()
        ids = sorted(order_ids)
        found: dict[str, SalesOrder] = {}
        for start in range(0, len(ids), 200):
            query = records.order_query(dialect).where(soql.one_of("Id", ids[start : start + 200]))
            for record in await self._salesforce.query(query):
                found[record["Id"]] = records.sales_order(record, dialect)
        return found

    async def of_account(self, account_id: str) -> Sequence[SalesOrder]:
        """Query by account."""
        dialect = await self._dialect.current()
        query = records.order_query(dialect).where(soql.equals("AccountId", account_id)).order_by("CreatedDate")
        return [records.sales_order(record, dialect) for record in await self._salesforce.query(query)]

    async def orders_of_items(self, item_ids: Collection[str]) -> Mapping[str, str]:
        """Query the items, 200 a call."""
        found = await self._salesforce.read_many(records.ITEM, item_ids, ["OrderId"])
        return {item_id: record["OrderId"] for item_id, record in found.items()}

    async def approved(self) -> Sequence[str]:
        """Query by status."""
        dialect = await self._dialect.current()
        texts = dialect.picklist("order.status").texts("approved")
        query = soql.select(records.ORDER, "Id").where(soql.one_of("Status", texts)).order_by("Id")
        return [record["Id"] for record in await self._salesforce.query(query)]

    async def changed_since(self, moment: datetime) -> Sequence[str]:
        """Query by SystemModstamp, which moves for system changes too."""
        query = soql.select(records.ORDER, "Id").where(soql.at_least("SystemModstamp", moment)).order_by("Id")
        return [record["Id"] for record in await self._salesforce.query(query)]

    async def write_activating(self, order: SalesOrder) -> SalesOrder:
        """Change the order and read it back."""
        dialect = await self._dialect.current()
        return await self._changed(dialect, order, records.without_error(dialect, "activating"))

    async def write_not_started(self, order: SalesOrder) -> SalesOrder:
        """Change the order and read it back."""
        dialect = await self._dialect.current()
        return await self._changed(dialect, order, records.without_error(dialect, "scheduled"))

    async def write_porting(self, order: SalesOrder, porting: NumberPorting) -> SalesOrder:
        """Change the order and read it back; an org without such fields is left alone."""
        dialect = await self._dialect.current()
        fields = porting_fields(porting, dialect)
        return await self._changed(dialect, order, fields) if fields else order

    async def write_failure(self, order: SalesOrder, code: str, message: str, at: datetime) -> SalesOrder:
        """Change the order and read it back."""
        dialect = await self._dialect.current()
        return await self._changed(dialect, order, dict(records.failure_fields(dialect, code, message, at)))

    async def write_activated(self, order: SalesOrder, whmcs_order_id: int, whmcs_service_id: int) -> SalesOrder:
        """Change order and opportunity in one transaction; Status travels alone (3.3 rule 4)."""
        dialect = await self._dialect.current()
        fields = records.without_error(dialect, "activated")
        fields[dialect.field("order.whmcsOrderId")] = whmcs_order_id
        steps = [change("fields", records.ORDER, _SAME_ORDER, fields)]
        if order.state != "completed":
            completed = {"Status": dialect.write("order.status", "completed")}
            steps.append(change("status", records.ORDER, _SAME_ORDER, completed))
        if order.opportunity_id is not None:
            service = _service_fields(dialect, whmcs_service_id)
            service["StageName"] = dialect.write("opportunity.stage", "active")
            steps.append(change("opportunity", records.OPPORTUNITY, order.opportunity_id, service))
        return await self._written(dialect, order, steps)

    async def write_activation_again(self, order: SalesOrder) -> SalesOrder:
        """Change the order and read it back."""
        dialect = await self._dialect.current()
        return await self._changed(dialect, order, records.without_error(dialect, "activated"))

    async def write_service(self, order: SalesOrder, whmcs_order_id: int, whmcs_service_id: int) -> SalesOrder:
        """Change order and opportunity in one transaction."""
        dialect = await self._dialect.current()
        fields = {dialect.field("order.whmcsOrderId"): whmcs_order_id}
        steps = [change("fields", records.ORDER, _SAME_ORDER, fields)]
        service = _service_fields(dialect, whmcs_service_id)
        if order.opportunity_id is not None and service:
            steps.append(change("opportunity", records.OPPORTUNITY, order.opportunity_id, service))
        return await self._written(dialect, order, steps)

    async def void_opportunity(self, order_id: str) -> None:
        """Look at order and opportunity, and change its stage unless it went on or is closed."""
        dialect = await self._dialect.current()
        order = (await self.read([order_id])).get(order_id)
        if order is None or order.opportunity_id is None or order.state != "cancelled":
            return
        reason = order.rejection_reason or f"Order {order.order_number} was cancelled before approval."
        fields = await self._void_fields(dialect, order.opportunity_id, reason, order.changed_at)
        if fields:
            await self._harmless([change("opportunity", records.OPPORTUNITY, order.opportunity_id, fields)])

    def concern_of(self, fields: Collection[str]) -> Concern:
        """Compare with the names of the status fields and of what provisioning reads besides."""
        if not fields or not self._approval_fields.isdisjoint(fields):
            return "approval"
        return "nothing" if self._data_fields.isdisjoint(fields) else "data"

    def _by_key(self, dialect: Dialect, key: str) -> soql.Select:
        return records.order_query(dialect).where(soql.equals(dialect.field("order.key"), key))

    def _read_back(self, dialect: Dialect, order_id: str) -> SubRequest:
        return lookup(_READ_BACK, records.order_query(dialect).where(soql.equals("Id", order_id)))

    async def _void_fields(
        self, dialect: Dialect, opportunity_id: str, reason: str, at: datetime
    ) -> dict[str, Any] | None:
        found = await self._salesforce.read(records.OPPORTUNITY, opportunity_id, ["StageName", "Description"])
        if found is None or dialect.read("opportunity.stage", found["StageName"]) not in _VOIDABLE:
            return None
        on = at.astimezone(TOKYO).date()
        return {
            "StageName": dialect.write("opportunity.stage", "void"),
            "Description": records.reason_appended(found.get("Description"), reason, on),
        }

    async def _changed(self, dialect: Dialect, order: SalesOrder, fields: Mapping[str, Any]) -> SalesOrder:
        return await self._written(dialect, order, [change("order", records.ORDER, _SAME_ORDER, fields)])

    async def _harmless(self, steps: Sequence[SubRequest]) -> Mapping[str, SubReply]:
        """Run changes that only a rule of the org can refuse; that is a matter for staff and for us."""
        try:
            return await self._salesforce.composite(steps)
        except SalesforceRefusal as refusal:
            if refusal.nothing_found:
                raise OrderMoved from None
            if refusal.missing:
                raise Refused("NOT_FOUND") from None
            _log.error("salesforce refused a write of ours", code=refusal.error_code, fields=refusal.fields)
            raise TryLater("SALESFORCE_UNAVAILABLE", retry_after=60) from None

    async def _written(
        self, dialect: Dialect, order: SalesOrder, changes: Sequence[SubRequest], *, only: str | None = None
    ) -> SalesOrder:
        steps = [_as_read(dialect, order, only), *changes, self._read_back(dialect, order.order_id)]
        return _read_back_of(await self._harmless(steps), dialect)


def _as_read(dialect: Dialect, order: SalesOrder, only: str | None = None) -> SubRequest:
    """Look for the order as it was read. That it is not done counts besides: much can happen within a second.

    `only` is the one state in which a change may happen at all.
    """
    unchanged = soql.below("SystemModstamp", order.changed_at.replace(microsecond=0) + _STAMP)
    found = soql.select(records.ORDER, "Id").where(soql.equals("Id", order.order_id), unchanged)
    if only is not None:
        found = found.where(soql.one_of("Status", dialect.picklist("order.status").texts(only)))
    elif order.state != "completed":
        found = found.where(soql.none_of("Status", dialect.picklist("order.status").texts("completed")))
    return lookup(_AS_READ, found)


def _service_fields(dialect: Dialect, whmcs_service_id: int) -> dict[str, Any]:
    has = dialect.has("opportunity.serviceId")
    return {dialect.field("opportunity.serviceId"): whmcs_service_id} if has else {}


def _read_back_of(replies: Mapping[str, SubReply], dialect: Dialect) -> SalesOrder:
    found = replies[_READ_BACK].records
    if not found:
        raise TryLater("SALESFORCE_UNAVAILABLE")
    return records.sales_order(found[0], dialect)
