"""What is not cancelled here, and what nobody else sees of a service (R207, R217, D10, R177)."""

from datetime import timedelta

import pytest

from portal_contracts.cancellation import (
    RequestPlanChange,
)
from portal_contracts.problems import Refused
from portal_contracts.values import long_salesforce_id
from portal_orders.cancellation_testing import INTERNET, SIM
from portal_orders.check_out import Buyer

SOMEBODY_ELSE = Buyer(long_salesforce_id("001000000000002"), 43)


# what cannot be


async def test_the_initial_cancellation_ends_it_at_once_within_eight_days(life):  # D10
    today = life.clock.today()
    service = life.billing.subscriptions[INTERNET]
    life.billing.subscriptions[INTERNET] = service.model_copy(update={"started_on": today - timedelta(days=7)})
    found = await life.preview(INTERNET)
    assert (found.initial_cancellation, found.initial_cancellation_until) == (True, today)
    cancelled = await life.request(INTERNET, initial_cancellation=True, ends_on=today)
    assert (cancelled.ends_on, cancelled.initial_cancellation) == (today, True)
    await life.run()
    (case,) = life.cases.opened.values()
    assert "初期契約解除: yes / はい" in case[2]


async def test_after_eight_days_there_is_no_initial_cancellation(life):
    with pytest.raises(Refused, match="CANCELLATION_NOT_POSSIBLE"):
        await life.request(INTERNET, initial_cancellation=True, ends_on=life.clock.today())


@pytest.mark.parametrize("state", ["pending", "terminated", "cancelled", "unknown"])
async def test_a_service_that_does_not_run_is_not_cancelled(life, state):
    life.billing.set_state(SIM, state)
    with pytest.raises(Refused, match="CANCELLATION_NOT_POSSIBLE"):
        await life.preview()


async def test_a_service_nobody_knows_the_kind_of_is_not_cancelled_here(life):
    del life.contracts.rows[SIM]
    with pytest.raises(Refused, match="CANCELLATION_NOT_POSSIBLE"):
        await life.preview()


async def test_a_service_from_before_the_portal_is_known_by_its_group_in_whmcs(life):  # R044, R177
    life.has(SIM, "sim", product=999)
    del life.contracts.rows[SIM]
    service = life.billing.subscriptions[SIM]
    life.billing.subscriptions[SIM] = service.model_copy(update={"group": "ＭＯＢＩＬＥ"})
    wanted = RequestPlanChange(request_id="request-p1", service_id=SIM, sku="SIM-DATA-ESIM-10G")
    assert (await life.use.plan_change.request(wanted, life.buyer)).case_id
    cancelled = await life.request()
    assert (await life.use.cancel.contract(SIM, life.buyer)).category == "sim"
    await life.run(cancelled.effective_at - life.clock.now() + timedelta(minutes=1))
    life.billing.set_state(SIM, "terminated")
    await life.run(timedelta(hours=2))
    assert (life.state(), life.contracts.writes) == (["completed"], [])
    assert sorted(case[0] for case in life.cases.opened.values()) == ["cancellation_request", "general_inquiry"]


async def test_what_staff_are_cancelling_already_is_not_cancelled_twice(life):
    life.contracts.change(SIM, stage="cancelling")
    with pytest.raises(Refused, match="CANCELLATION_UNDER_WAY"):
        await life.preview()


async def test_nobody_sees_or_cancels_anybody_elses_service(life):
    for work in (
        life.preview(buyer=SOMEBODY_ELSE),
        life.request(buyer=SOMEBODY_ELSE),
        life.revoke(buyer=SOMEBODY_ELSE),
    ):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await work
    with pytest.raises(Refused, match="NOT_FOUND"):
        await life.use.cancel.contract(SIM, SOMEBODY_ELSE)


async def test_the_sales_side_of_a_service_is_shown_with_its_cancellation(life, ordered):
    await life.request()
    await life.run()
    found = await life.use.cancel.contract(SIM, life.buyer)
    assert (found.stage, found.category, found.order_id) == ("cancelling", "sim", ordered)
    assert found.cancellation.state == "requested"
