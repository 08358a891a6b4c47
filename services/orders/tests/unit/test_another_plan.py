"""Asking for another plan, on fakes and virtual time (§5 item 3, R080, C16)."""

import pytest

from portal_contracts.cancellation import (
    PreviewPlanChange,
    RequestPlanChange,
)
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import LineChanged
from portal_orders.cancellation_consumers import line_changed
from portal_orders.cancellation_testing import (
    INTERNET,
    SIM,
)
from portal_orders.testing import ACCOUNT

# another plan


async def test_another_plan_is_priced_and_asked_for_in_a_case(life):  # §5 item 3
    found = await life.use.plan_change.preview(PreviewPlanChange(service_id=SIM, sku="SIM-DATA-ESIM-10G"), life.buyer)
    assert (found.monthly, found.price_now) == (1650, 880)
    command = RequestPlanChange(request_id="request-p1", service_id=SIM, sku="SIM-DATA-ESIM-10G")
    first = await life.use.plan_change.request(command, life.buyer)
    assert first == await life.use.plan_change.request(command, life.buyer)
    (case,) = life.cases.opened.values()
    assert "880 yen" in case[2]


async def test_a_plan_whmcs_prices_not_is_asked_for_all_the_same(life):  # §5 item 3: else a request case
    life.billing.price = None
    wanted = {"service_id": SIM, "sku": "SIM-DATA-ESIM-10G"}
    found = await life.use.plan_change.preview(PreviewPlanChange(**wanted), life.buyer)
    assert (found.monthly, found.price_now) == (1650, None)
    await life.use.plan_change.request(RequestPlanChange(request_id="request-p1", **wanted), life.buyer)
    (case,) = life.cases.opened.values()
    assert "to be told" in case[2]


async def test_a_key_asks_for_one_plan_and_no_other(life):  # C16
    life.has(SIM, "sim", product=999)
    wanted = {"request_id": "request-p1", "service_id": SIM}
    await life.use.plan_change.request(RequestPlanChange(sku="SIM-DATA-ESIM-10G", **wanted), life.buyer)
    opened = dict(life.cases.opened)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await life.use.plan_change.request(RequestPlanChange(sku="SIM-VOICE-ESIM-20G", **wanted), life.buyer)
    assert life.cases.opened == opened


async def test_an_internet_plan_is_offered_where_staff_found_it_available(life):  # R080
    query = PreviewPlanChange(service_id=INTERNET, sku="INT-HOME-1G")
    life.world.accounts.staff_say(ACCOUNT, state="not_eligible", types=())
    with pytest.raises(Refused, match="NOT_ELIGIBLE"):
        await life.use.plan_change.preview(query, life.buyer)
    plan = (await life.world.products.find(skus=["INT-HOME-1G"]))[0]
    life.world.accounts.staff_say(ACCOUNT, state="eligible", types=(plan.eligibility,))
    assert (await life.use.plan_change.preview(query, life.buyer)).sku == "INT-HOME-1G"


@pytest.mark.parametrize("sku", ["INT-HOME-1G", "SIM-VOICE-ESIM-20G", "SIM-ACTIVATION", "NOTHING"])
async def test_a_plan_that_does_not_fit_is_not_offered(life, sku):
    with pytest.raises(Refused, match="PLAN_CHANGE_NOT_OFFERED"):
        await life.use.plan_change.preview(PreviewPlanChange(service_id=SIM, sku=sku), life.buyer)


@pytest.mark.parametrize("state", ["working", "unclear", "done", "refused"])
def test_a_change_of_a_line_is_told_in_both_languages(life, ordered, state):
    code = {"unclear": "LINE_CHANGE_UNCLEAR", "refused": "LINE_CHANGE_REFUSED"}.get(state)
    event = LineChanged(
        change_id="0" * 32,
        order_id=ordered,
        account_id=ACCOUNT,
        kind="top_up",
        state=state,
        code=code,
        megabytes=1000,
        occurred_at=life.clock.now(),
    )
    entry = line_changed(event)
    assert entry.kind == f"line.top_up.{state}"
    assert "1000 MB" in entry.text.en
    assert "1000 MB" in entry.text.ja
    assert entry.who_acts.owner == ("staff" if code else "nobody")
