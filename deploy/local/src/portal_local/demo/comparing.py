"""Reads an order's facts back from every system and says where two of them disagree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from portal_local.demo.customer import Customer
from portal_local.demo.vendors import FreebitApi, SalesforceStaff, WhmcsApi


@dataclass(slots=True)
class OrderFacts:
    """What the systems say about one order."""

    order_id: str
    order_number: str
    opportunity_id: str
    category: str
    eid: str = ""
    """Of the phone an eSIM is for."""
    card_number: str = ""
    """Of the SIM card, once staff entered it."""
    whmcs_order_id: int = 0
    service_id: int = 0
    invoice_id: int = 0
    invoice_total: int = 0
    line: str = "–"
    stages: list[tuple[str, float]] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    def agree(self, what: str, one: Any, other: Any) -> None:
        """Note a disagreement unless the two are equal."""
        if one != other:
            self.disagreements.append(f"order {self.order_number}: {what}: {one!r} is not {other!r}")

    def is_one_of(self, what: str, one: Any, wordings: tuple[str, ...]) -> None:
        """Note a disagreement unless it is one of the wordings."""
        if one not in wordings:
            self.disagreements.append(f"order {self.order_number}: {what}: {one!r} is not {' or '.join(wordings)}")


@dataclass(frozen=True, slots=True)
class Systems:
    """Everything that can be asked about an order."""

    customer: Customer
    salesforce: SalesforceStaff
    whmcs: WhmcsApi
    freebit: FreebitApi


async def read_back(systems: Systems, facts: OrderFacts, whmcs_client_id: int) -> None:
    """Fill in the facts and compare Salesforce, WHMCS, Freebit and the portal with one another."""
    items = await _salesforce(systems, facts)
    await _whmcs(systems, facts, whmcs_client_id, items)
    if facts.category == "sim":
        await _freebit(systems, facts, whmcs_client_id)
    await _portal(systems, facts)


async def _salesforce(systems: Systems, facts: OrderFacts) -> Sequence[dict[str, Any]]:
    order = await systems.salesforce.read("Order", facts.order_id)
    opportunity = await systems.salesforce.read("Opportunity", order["OpportunityId"])
    facts.whmcs_order_id = int(order["WHMCS_Order_Id__c"] or 0)
    facts.service_id = int(opportunity["WHMCS_Service_ID__c"] or 0)
    facts.is_one_of("Salesforce status", order["Status"], ("Activated", "Completed"))  # as the org words it (C02, C03)
    facts.is_one_of("Salesforce activation", order["Activation_Status__c"], ("Provisioned", "Activated"))
    facts.agree("activation error", order["Activation_Error__c"], None)
    facts.agree("opportunity of the checkout", order["OpportunityId"], facts.opportunity_id)
    facts.agree("opportunity stage", opportunity["StageName"], "Active")
    return await systems.salesforce.query(
        f"SELECT Quantity, UnitPrice FROM OrderItem WHERE OrderId = '{facts.order_id}'"  # noqa: S608 - an id read back from Salesforce
    )


async def _whmcs(systems: Systems, facts: OrderFacts, whmcs_client_id: int, items: Sequence[dict[str, Any]]) -> None:
    orders = (await systems.whmcs.call("GetOrders", id=facts.whmcs_order_id))["orders"]["order"]
    order = orders[0]
    facts.invoice_id = int(order["invoiceid"])
    facts.agree("WHMCS order status", order["status"], "Active")
    facts.agree("WHMCS client", int(order["userid"]), whmcs_client_id)
    services = [
        service
        for service in await _services(systems, whmcs_client_id)
        if service["status"] != "Cancelled"  # of a twin made by a lost call; its cancelling is as it should be
        and any(value.startswith(facts.order_id) for value in _custom(service).values())
    ]
    facts.agree(
        "WHMCS orders with our marker",
        sorted({int(service["orderid"]) for service in services}),
        [facts.whmcs_order_id],
    )
    facts.agree("services with our marker", len(services), len(items))
    facts.agree("states of the services", {service["status"] for service in services}, {"Active"})
    facts.agree(
        "service on the opportunity", facts.service_id in {int(service["id"]) for service in services}, other=True
    )
    invoice = await systems.whmcs.call("GetInvoice", invoiceid=facts.invoice_id)
    facts.invoice_total = round(float(invoice["total"]))
    ordered = sum(round(item["Quantity"] * item["UnitPrice"]) for item in items)
    facts.agree("invoice and Salesforce items, yen", facts.invoice_total, ordered)


async def _freebit(systems: Systems, facts: OrderFacts, whmcs_client_id: int) -> None:
    service = next(
        service for service in await _services(systems, whmcs_client_id) if int(service["id"]) == facts.service_id
    )
    custom = _custom(service)
    account = custom.get("Phone Number", "")
    line = await systems.freebit.line(account)
    facts.line = account
    facts.agree("Freebit line", line["state"], "active")
    if facts.eid:
        facts.agree("EID at Freebit", line["eid"], facts.eid)
        facts.agree("EID at WHMCS", custom.get("EID"), facts.eid)
    if facts.card_number:
        facts.agree("SIM card at Freebit", line["productNumber"], facts.card_number)


async def _portal(systems: Systems, facts: OrderFacts) -> None:
    order = await systems.customer.get(f"/orders/{facts.order_id}")
    facts.agree("portal state", order["state"], "completed")
    facts.agree("portal service", order["serviceId"], facts.service_id)
    subscriptions = (await systems.customer.get("/subscriptions?fresh=true"))["subscriptions"]
    states = {subscription["serviceId"]: subscription["state"] for subscription in subscriptions}
    facts.agree("portal subscription", states.get(facts.service_id), "active")
    listed = (await systems.customer.get("/billing/invoices?fresh=true"))["invoices"]
    invoices = {invoice["id"]: invoice for invoice in listed}
    facts.agree("portal invoice total", invoices.get(facts.invoice_id, {}).get("total"), facts.invoice_total)


async def _services(systems: Systems, whmcs_client_id: int) -> list[dict[str, Any]]:
    reply = await systems.whmcs.call("GetClientsProducts", clientid=whmcs_client_id, limitnum=250)
    return list(reply["products"]["product"])


def _custom(service: dict[str, Any]) -> dict[str, str]:
    fields = service["customfields"]
    found = fields.get("customfield", []) if isinstance(fields, dict) else []
    return {str(entry["name"]): str(entry["value"]) for entry in found}
