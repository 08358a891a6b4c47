"""Whose an order or a service is: Order and Opportunity, read alone (reference salesforce.md 3.2)."""

from typing import Final

from portal_chassis.bus import Bus
from portal_contracts.billing import ListClientServices
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import DialectSource
from portal_salesforce.ids import is_id, long_id_or_none
from portal_support.ports import Subject

SERVICE: Final = "opportunity.serviceId"


class SalesforceBelongings:
    """The `Belongings` port: the org first; billing for services that were there before the portal."""

    def __init__(self, salesforce: Salesforce, bus: Bus) -> None:
        self._salesforce = salesforce
        self._bus = bus
        self._dialect = DialectSource(salesforce, "Opportunity")

    async def order(self, account_id: str, order_id: str) -> Subject | None:
        """Read the order of this account."""
        if not is_id(order_id, "Order"):
            return None
        mine = soql.all_of(soql.equals("Id", order_id), soql.equals("AccountId", account_id))
        statement = soql.select("Order", "OrderNumber", "OpportunityId").where(mine)
        order = await self._salesforce.query_one(statement)
        if order is None:
            return None
        return Subject(f"Order {order['OrderNumber']}", long_id_or_none(order["OpportunityId"]))

    async def service(self, account_id: str, whmcs_client_id: int, service_id: int) -> Subject | None:
        """Look for the account's opportunity of the service; without one ask billing whose it is."""
        words = f"Service {service_id}"
        opportunity = await self._opportunity(account_id, service_id)
        if opportunity is not None:
            return Subject(words, opportunity)
        listed = await self._bus.ask(ListClientServices(whmcs_client_id=whmcs_client_id))
        return Subject(words, None) if any(one.service_id == service_id for one in listed.subscriptions) else None

    async def _opportunity(self, account_id: str, service_id: int) -> str | None:
        dialect = await self._dialect.current()
        if not dialect.has(SERVICE):
            return None
        mine = soql.all_of(soql.equals("AccountId", account_id), soql.equals(dialect.field(SERVICE), service_id))
        found = await self._salesforce.query_one(soql.select("Opportunity", "Id").where(mine))
        return None if found is None else str(found["Id"])
