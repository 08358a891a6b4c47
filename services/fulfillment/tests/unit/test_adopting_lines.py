"""A line from before the portal becomes its customer's when every system agrees, and never another's (R177, R178)."""

from datetime import date

import pytest

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.testing import InMemoryOperatorDesk, ManualClock, operator_call
from portal_contracts.billing import OrderLine, Subscription
from portal_contracts.orders import ProvisioningOrder, ProvisionRequested
from portal_contracts.problems import Refused, TryLater
from portal_contracts.sim_lines import AdoptLine
from portal_fulfillment.adopt_line import AdoptOldLine
from portal_fulfillment.kept_lines import FiledLine
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines
from portal_fulfillment.testing_lines import InMemoryOwnedLines
from portal_fulfillment.testing_neighbours import FakeOrders
from portal_fulfillment.testing_operator import FakeSims

NUMBER, ORDER, ACCOUNT = "07000006001", "801000000000001AAA", "001000000000001AAA"
OTHER_ORDER = "801000000000002AAA"
SERVICE = 7001
EID, OTHER_EID = "89049032000000000000000000000163", "89049032000000000000000000000357"


def order(**facts):
    line = OrderLine(
        sku="SIM", whmcs_product_id=202, billing_cycle="monthly", quantity=1, unit_price=2970, service=True
    )
    usual = {
        "order_id": ORDER,
        "order_number": "00000101",
        "state": "completed",
        "activation": "unknown",
        "account_id": ACCOUNT,
        "whmcs_client_id": 42,
        "category": "sim",
        "lines": [line],
        "eid": EID,
    }
    return ProvisioningOrder(**{**usual, **facts})


def service(**facts):
    usual = {
        "service_id": SERVICE,
        "name": "SIM 20G",
        "group": "SIM",
        "whmcs_product_id": 202,
        "state": "active",
        "billing_cycle": "Monthly",
        "amount": 2970,
        "started_on": None,
        "next_due_on": None,
    }
    return Subscription(**{**usual, **facts})


class Portal:
    """The use case on fakes: everything fits unless the test says otherwise."""

    def __init__(self):
        self.clock = ManualClock()
        self.database = InMemoryDatabase()
        self.desk = InMemoryOperatorDesk(self.database)
        self.orders, self.sims = FakeOrders(), FakeSims(self.clock)
        self.attempts, self.lines, self.owned = InMemoryAttempts(), InMemoryLines(), InMemoryOwnedLines()
        self.services = {42: [service()]}
        self.orders.put(order())
        self.line(started_on=date(2020, 4, 1))
        self.adopt = AdoptOldLine(
            self.desk, self.orders, self, self.sims, self.attempts, self.lines, self.owned, self.clock
        )

    async def of_client(self, whmcs_client_id):
        return self.services.get(whmcs_client_id, [])

    def line(self, state=LineState.ACTIVE, **facts):
        code = "LPA:1$smdp.example.jp$EXAMPLE"
        usual = {"plan_code": "PASI_20G", "eid": EID, "iccid": "8981030000000000015", "activation_code": code}
        self.sims.lines = [Line(NUMBER, state, state.value, **{**usual, **facts})]

    def has(self, account=NUMBER, order_id=ORDER, service_id=SERVICE):
        kept = FiledLine(account, order_id, service_id, EID, "898103", "P", "5G", voice=True, activated_at=None)
        self.owned.filed[ACCOUNT] = [kept]

    async def asks(self, *, dry_run=False, request_id="request-1", **facts):
        usual = {"line": "070-0000-6001", "service_id": SERVICE, "order_id": ORDER}
        command = AdoptLine(
            **{**usual, **facts}, request_id=request_id, reason="a customer from before", dry_run=dry_run
        )
        return await self.adopt(command, operator_call())


@pytest.fixture
def portal():
    return Portal()


async def test_a_preview_says_what_would_be_and_changes_nothing(portal):  # D13
    outcome = await portal.asks(dry_run=True)
    assert (outcome.carried_out, portal.lines.kept) == (False, {})
    assert "…6001" in outcome.changes[0]
    assert NUMBER not in str(portal.desk.actions), "a number is personal data"


@pytest.mark.parametrize("state", [LineState.ACTIVE, LineState.SUSPENDED])
async def test_what_every_system_shows_is_kept_with_its_owner_and_without_a_code(portal, state):
    portal.line(state)
    outcome = await portal.asks()
    kept_for, line = portal.lines.kept[NUMBER]
    assert (outcome.carried_out, kept_for) == (True, ORDER)
    assert (portal.lines.owners[ORDER], portal.lines.services[ORDER]) == (ACCOUNT, SERVICE)
    assert (line.eid, line.activation_code) == (EID, None)
    (action,) = portal.desk.actions
    assert (action.target, action.carried_out, action.reason) == (ORDER, True, "a customer from before")


async def test_a_repeat_is_answered_from_its_row_and_another_finds_nothing_to_do(portal):
    first = await portal.asks()
    assert await portal.asks() == first
    portal.has()
    again = await portal.asks(request_id="request-2")
    assert again.changes == ("Line …6001 is service 7001's already: nothing to do.",)
    assert len(portal.lines.kept) == 1


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"whmcs_client_id": 43}, "LINE_IS_ANOTHERS"),
        ({"category": "internet"}, "LINE_NOT_ADOPTABLE"),
        ({"state": "approved", "activation": "not_started"}, "LINE_NOT_ADOPTABLE"),
        ({"state": "cancelled"}, "LINE_NOT_ADOPTABLE"),
    ],
)
async def test_an_order_that_does_not_fit_is_refused(portal, facts, code):
    portal.orders.put(order(**facts))
    await refused(portal, code)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"service_id": 7002}, "LINE_IS_ANOTHERS"),
        ({"order_id": OTHER_ORDER}, "LINE_IS_ANOTHERS"),
        ({"state": "terminated"}, "LINE_NOT_ADOPTABLE"),
    ],
)
async def test_a_service_that_does_not_fit_is_refused(portal, facts, code):
    portal.services = {42: [service(**facts)]}
    await refused(portal, code)


@pytest.mark.parametrize("state", [LineState.RESERVED, LineState.ENDING, LineState.ENDED, LineState.UNKNOWN, None])
async def test_a_line_the_operator_does_not_have_in_service_is_refused(portal, state):
    if state is None:
        portal.sims.lines = []
    else:
        portal.line(state)
    await refused(portal, "LINE_NOT_IN_SERVICE")


async def test_a_line_of_another_order_is_refused(portal):
    portal.lines.kept[NUMBER] = (OTHER_ORDER, portal.sims.lines[0])
    await refused(portal, "LINE_IS_ANOTHERS", kept=1)


async def test_of_two_at_once_for_one_line_the_second_is_refused(portal):
    async def somebody_else_was_quicker(_number):
        portal.lines.kept[NUMBER] = (OTHER_ORDER, portal.sims.lines[0])

    portal.lines.holder = somebody_else_was_quicker
    await refused(portal, "LINE_IS_ANOTHERS", kept=1)
    assert portal.lines.kept[NUMBER][0] == OTHER_ORDER


@pytest.mark.parametrize("other", [{"account": "07000006002"}, {"account": "07000006002", "order_id": OTHER_ORDER}])
async def test_an_order_and_a_service_have_one_line(portal, other):
    portal.has(**other)
    await refused(portal, "LINE_NOT_ADOPTABLE")


async def test_an_order_that_is_being_provisioned_is_refused(portal):
    now = portal.clock.now()
    signal = ProvisionRequested(order_id=ORDER, source="sweeper", request_id="one", occurred_at=now)
    async with portal.database.transaction() as transaction:
        await portal.attempts.open(transaction, 1, signal, now)
    await refused(portal, "LINE_NOT_ADOPTABLE")


async def test_another_eid_than_the_orders_is_pointed_out(portal):
    """The phone may be another one since: the operator decides."""
    portal.line(eid=OTHER_EID)
    outcome = await portal.asks(dry_run=True)
    assert outcome.changes[-1] == "Look again: Freebit has the EID …0357, the order …0163."


@pytest.mark.parametrize("away", ["sims", "orders"])
async def test_with_a_system_away_nothing_is_kept(portal, away):
    getattr(portal, away).faults = lambda _call: "unsent"
    with pytest.raises(TryLater):
        await portal.asks()
    assert portal.lines.kept == {}


async def refused(portal, code, kept=0):
    with pytest.raises(Refused) as no:
        await portal.asks()
    assert (no.value.code, len(portal.lines.kept)) == (code, kept)
    assert [action.result for action in portal.desk.actions] == [code], "tries are written down, too"
