"""Salesforce's side of the comparison of systems: accounts, orders and opportunities (D14): the `SalesRecords` port."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from portal_contracts.values import address_fingerprint
from portal_orders import salesforce_records as records
from portal_orders.comparison_ports import ComparedAccount
from portal_orders.order import SalesOrder
from portal_orders.salesforce_records import whole_id
from portal_salesforce import Dialect, DialectSource, Record, Salesforce, soql

PAGE: Final = 200
ACCOUNT: Final = "Account"
_ADDRESS: Final = ("BillingPostalCode", "BillingState", "BillingCity", "BillingStreet")


class SalesforceRecords:
    """The port on an org, through its dialect. Every query is one of at most 200 ids, and all its pages are read."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._dialect = DialectSource(salesforce, ACCOUNT, records.ORDER, records.ITEM, records.OPPORTUNITY)

    async def accounts(self, account_ids: Collection[str]) -> Mapping[str, ComparedAccount]:
        """Read accounts, then their orders, then their opportunities."""
        if not account_ids:
            return {}
        dialect = await self._dialect.current()
        found = await self._salesforce.read_many(ACCOUNT, account_ids, _ADDRESS)
        ids = sorted(found)
        orders = [records.sales_order(record, dialect) for record in await self._orders_of(dialect, ids)]
        opportunities = await self._opportunities_of(dialect, ids)
        return {
            account_id: ComparedAccount(
                account_id=account_id,
                orders=[order for order in orders if order.account_id == account_id],
                stages={
                    one["Id"]: dialect.read("opportunity.stage", one["StageName"])
                    for one in opportunities
                    if one["AccountId"] == account_id
                },
                service_ids=_services(dialect, [one for one in opportunities if one["AccountId"] == account_id]),
                names_services=dialect.has("opportunity.serviceId"),
                address_fingerprint=_fingerprint(record),
            )
            for account_id, record in found.items()
        }

    async def page_of_orders(self, after: str | None) -> Sequence[SalesOrder]:
        """Query by id, the next 200."""
        dialect = await self._dialect.current()
        texts = dialect.picklist("order.status").texts("approved", "completed")
        query = records.order_query(dialect).where(
            soql.one_of("Status", texts), soql.differs(dialect.field("order.key"), None)
        )
        if after is not None:
            query = query.where(soql.at_least("Id", after), soql.differs("Id", after))
        found = await self._salesforce.query(query.order_by("Id").limit(PAGE))
        return [records.sales_order(record, dialect) for record in found]

    async def _orders_of(self, dialect: Dialect, account_ids: Sequence[str]) -> list[Record]:
        query = records.order_query(dialect).where(soql.one_of("AccountId", account_ids)).order_by("Id")
        return await self._salesforce.query(query)

    async def _opportunities_of(self, dialect: Dialect, account_ids: Sequence[str]) -> list[Record]:
        fields = ["Id", "AccountId", "StageName", *dialect.names("opportunity.serviceId")]
        query = soql.select(records.OPPORTUNITY, *fields).where(soql.one_of("AccountId", account_ids)).order_by("Id")
        return await self._salesforce.query(query)


def _services(dialect: Dialect, opportunities: Sequence[Record]) -> frozenset[int]:
    names = dialect.names("opportunity.serviceId")
    found = {whole_id(one.get(name)) for one in opportunities for name in names}
    return frozenset(service_id for service_id in found if service_id is not None)


def _fingerprint(record: Mapping[str, Any]) -> str | None:
    """Give the comparable form of an account's address; None when it has none."""
    postcode, state, city, street = (str(record.get(name) or "") for name in _ADDRESS)
    return address_fingerprint(postcode, state, city, street) if postcode and street else None
