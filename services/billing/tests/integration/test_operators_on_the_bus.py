"""Operators at work on the service as it is deployed, and the pages of the nightly comparison."""

import math
from datetime import UTC, datetime

import pytest

from portal_billing.order import DraftOrder, units_of
from portal_chassis.actor import Actor, sign_actor
from portal_contracts import whmcs_orders
from portal_contracts.operators import list_operator_actions
from portal_contracts.problems import Refused
from portal_contracts.values import long_salesforce_id

CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
SECONDS = 30.0


def decision(kind, **more):
    return kind(request_id=f"request-{kind.__name__}", dry_run=False, reason="asked to", order_id=ORDER, **more)


async def needs_a_person(fulfillment):
    """Ask until billing says that a person has to decide."""
    with pytest.raises(Refused, match="WHMCS_ORDER_UNCLEAR"):
        await fulfillment.reserve()


async def test_an_operator_sees_the_evidence_and_allows_one_more_creation(
    start, sandbox_whmcs, buses, fulfillment, operator
):
    sandbox_whmcs.fault("AddOrder", "html", times=2)
    gateway, read = buses["gateway"], whmcs_orders.ReadWhmcsOrder(order_id=ORDER)
    async with start():
        await needs_a_person(fulfillment)
        file = await gateway.ask(read, actor=operator)
        assert (file.code, file.found, [one.state for one in file.journal]) == (
            "WHMCS_ORDER_UNCLEAR",
            [],
            ["unknown", "unknown"],
        )
        retry = decision(whmcs_orders.RetryWhmcsOrder)
        assert not (await gateway.ask(retry.model_copy(update={"dry_run": True}), actor=operator)).carried_out
        assert sandbox_whmcs.orders("created") == []
        told = await gateway.ask(retry, actor=operator)
        assert told == await gateway.ask(retry, actor=operator)
        accepted = await fulfillment.whole()
        assert sandbox_whmcs.orders("created") == sandbox_whmcs.orders("accepted") == [accepted.whmcs_order_id]
        file = await gateway.ask(read, actor=operator)
        assert ([one.verdict for one in file.found], file.phase) == (["winner"], "accepted")
        actions = await gateway.ask(list_operator_actions("billing")(target=ORDER), actor=operator)
        assert [(one.operator, one.carried_out) for one in actions.actions] == [
            ("operator@staff.example", True),
            ("operator@staff.example", False),
        ]


async def test_an_operator_links_an_order_that_staff_made(
    start, sandbox_whmcs, buses, fulfillment, operator, connected
):
    sandbox_whmcs.fault("AddOrder", "html", times=2)
    async with start():
        await needs_a_person(fulfillment)
        orders = connected().orders
        number = await orders.add(DraftOrder(ORDER, CLIENT, units_of(fulfillment.lines), None), send_by=math.inf)
        with sandbox_whmcs.core.store.transaction() as db:
            db.execute("DELETE FROM whmcs_custom_value")
        link = decision(whmcs_orders.LinkWhmcsOrder, whmcs_order_id=number)
        assert len((await buses["gateway"].ask(link, actor=operator)).changes) == 1 + len(fulfillment.lines)
        accepted = await fulfillment.whole()
        assert accepted.whmcs_order_id == number
        (found,) = await orders.search(CLIENT, ORDER)
        assert [service.ordinal for service in found.services] == [1, 2, 3]


async def test_an_operator_gives_an_order_up_and_nothing_is_left_of_it(
    start, sandbox_whmcs, buses, fulfillment, operator
):
    async with start():
        reserved = await fulfillment.reserve()
        await buses["gateway"].ask(decision(whmcs_orders.CancelWhmcsOrder), actor=operator)
        with pytest.raises(Refused, match="PROVISIONING_CANCELLED"):
            await fulfillment.reserve()
        await fulfillment.release()
        assert sandbox_whmcs.orders("cancelled") == [reserved.whmcs_order_id]


async def test_a_customer_and_an_operator_without_the_role_decide_nothing(start, buses, fulfillment, key):
    customer = Actor("u", CLIENT, "001000000000001AAA", ("owner",), "s", datetime.now(UTC), "ja")
    viewer = Actor("o", 0, "", ("operator_viewer",), "s", datetime.now(UTC), "en", operator="viewer@staff.example")
    async with start():
        await fulfillment.reserve()
        for actor in (customer, viewer):
            token = sign_actor(key, "test", actor)
            with pytest.raises(Refused):
                await buses["gateway"].ask(decision(whmcs_orders.CancelWhmcsOrder), actor=token)
        assert (await fulfillment.reserve()).state == "done"


async def test_all_clients_are_compared_page_by_page(start, buses, fulfillment):
    async with start():
        accepted = await fulfillment.whole()
        clients, after = [], 0
        while after is not None:
            page = await buses["orders"].ask(
                whmcs_orders.ListBilledClients(after_client_id=after, limit=3), timeout=SECONDS
            )
            clients += page.clients
            after = page.last_client_id
        numbers = [client.whmcs_client_id for client in clients]
        assert numbers == sorted(set(numbers))
        client = next(client for client in clients if client.whmcs_client_id == CLIENT)
        mine = [service for service in client.services if service.order_id == ORDER]
        assert {service.service_id for service in mine} == set(accepted.service_ids)
        assert sorted(service.amount for service in mine) == [330, 2970, 3300]
        (one,) = (
            await buses["orders"].ask(whmcs_orders.ListBilledClients(whmcs_client_ids=[CLIENT]), timeout=SECONDS)
        ).clients
        assert one == client
