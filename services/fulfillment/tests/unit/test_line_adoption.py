"""A line that nobody here remembers asking for: taken over when it is surely the order's, and never a second one.

T-09: our database was restored to before the request. T-21: staff activated the SIM by hand (reliability.md (b)5, C19).
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal_fulfillment.sim import Line, LineState

ORDER = "801000000000001AAA"
OTHER = "801000000000002AAA"
EID = "89049032000000000000000000000357"
CARD = "AX0000000000001"
ACCOUNT = "07000009999"


@pytest.fixture
def a_line(desk):
    """A line as the order would have asked for it, begun today."""

    def make(**changes):
        line = Line(ACCOUNT, LineState.ACTIVE, "active", plan_code="PASI_20G", eid=EID, started_on=desk.clock.today())
        return replace(line, **changes)

    return make


async def test_the_orders_own_line_is_taken_over_and_billed(desk, a_line):
    desk.sims.put(a_line())
    assert (await desk.provision()).status == "done"
    assert desk.sims.requested == []
    assert [(order, line.account) for order, line in desk.lines.kept.values()] == [(ORDER, ACCOUNT)]
    assert desk.billing.ledger == [("created", ORDER), ("accepted", ORDER)]


async def test_a_card_that_staff_put_into_service_is_taken_over(desk, new_order, a_line):
    desk.sims.put(a_line(eid="", product_number=CARD))
    assert (await desk.provision(new_order(esim=False, eid=None, sim_card_number=CARD))).status == "done"
    assert desk.sims.requested == []


async def test_a_line_that_is_still_coming_is_waited_for(desk, new_order):
    """What a restored database has forgotten goes on at the operator."""
    await desk.sims.activate(desk.plans.activation_of(new_order()))
    view = await desk.provision(by=timedelta(minutes=3))
    assert (view.status, view.code) == ("waiting", "LINE_BUSY")
    assert (await desk.run(timedelta(hours=1))).status == "done"
    assert desk.sims.requested == [EID]
    assert len(desk.lines.kept) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_code": "PASI_10G"},
        {"plan_code": ""},
        {"state": LineState.SUSPENDED, "raw_state": "suspended"},
        {"started_on": None},
    ],
    ids=["another plan", "no plan", "suspended", "no first day"],
)
async def test_a_line_that_differs_in_one_point_is_somebody_elses(desk, a_line, changes):
    desk.sims.one_line_per_eid = False
    desk.sims.put(a_line(**changes))
    view = await desk.provision()
    assert (view.status, view.code) == ("failed", "SIM_IN_USE")
    assert (desk.sims.requested, desk.lines.kept) == ([], {})


async def test_a_line_older_than_the_order_is_somebody_elses(desk, a_line):
    desk.sims.put(a_line(started_on=desk.clock.today() - timedelta(days=1)))
    assert (await desk.provision()).code == "SIM_IN_USE"


async def test_of_two_lines_on_the_eid_none_is_taken_over(desk, a_line):
    desk.sims.put(a_line())
    desk.sims.put(a_line(account="07000009998"))
    assert (await desk.provision()).code == "SIM_IN_USE"


async def test_the_line_of_another_order_of_ours_is_never_taken_over(desk, a_line):
    async with desk.database.transaction() as transaction:
        await desk.lines.keep(transaction, OTHER, a_line(), activated_at=desk.clock.now())
    desk.sims.put(a_line())
    assert (await desk.provision()).code == "SIM_IN_USE"
    assert [order for order, _ in desk.lines.kept.values()] == [OTHER]


async def test_a_line_that_was_there_before_an_own_request_is_never_taken_over(desk, a_line):
    await desk.operations.claim("activate", ORDER, 1, EID)
    await desk.operations.remember(ORDER, 1, {ACCOUNT: "ended"})
    desk.sims.put(a_line())
    assert (await desk.provision()).code == "SIM_IN_USE"


async def test_a_retry_on_a_later_day_still_knows_when_the_order_began(desk, a_line):
    desk.sims.put(a_line(plan_code="PASI_10G"))
    assert (await desk.provision()).code == "SIM_IN_USE"
    desk.sims.lines[0] = a_line()
    desk.clock.advance(timedelta(days=1))
    await desk.signal("operator")
    assert (await desk.run(timedelta(hours=1))).status == "done"
    assert desk.sims.requested == []
