"""Orders whose processes were reduced to their proof: seen as before, and never provisioned again (§5.10, I1)."""

from datetime import timedelta

import pytest

from portal_chassis.testing import grow_old, operator_call
from portal_contracts.problems import Refused
from portal_contracts.provisioning import CancelProvisioning, ListProvisioning, ReadProvisioning, RetryProvisioning
from portal_contracts.whmcs_orders import WhmcsOrderDecided
from portal_fulfillment.attempt import Verdict
from portal_fulfillment.take_decision import TakeDecision

ORDER = "801000000000001AAA"
SOURCES = ["platform_event", "signed_call", "change_event", "sweeper", "customer", "operator"]


def command(of, request_id="request-1"):
    return of(order_id=ORDER, request_id=request_id, dry_run=False, reason="The customer called")


async def grown_old(desk):
    await grow_old(desk.engine, desk.clock, desk.store)
    assert await desk.journal() == []


@pytest.fixture
async def old(desk):
    """An order that was activated years ago."""
    assert (await desk.provision()).status == "done"
    await grown_old(desk)
    return desk


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("early", [False, True])
async def test_an_old_order_is_not_provisioned_again_whoever_asks(old, source, early):
    # `early`: a signal of those days that comes only now; after so long its row is gone as well
    old.attempts.signals.clear()
    at = old.clock.now() - timedelta(days=720) if early else None
    assert await old.signal(source, at=at) is Verdict.ABSORB
    assert (await old.run(timedelta(days=1))).status == "done"
    old.assert_exactly_one_of_each()


async def test_an_operator_can_neither_retry_nor_cancel_an_old_order(old):
    for of, press in ((RetryProvisioning, old.operate.retry), (CancelProvisioning, old.operate.cancel)):
        with pytest.raises(Refused, match="PROVISIONING_ENDED"):
            await press(command(of), operator_call())
    old.assert_exactly_one_of_each()


async def test_a_decision_at_billing_opens_nothing(old):
    event = WhmcsOrderDecided(order_id=ORDER, decision="retried", requested_by="o", occurred_at=old.clock.now())
    async with old.database.transaction() as transaction:
        await TakeDecision(old.look_at_signal)(event, transaction, "message 1")
    assert (await old.run(timedelta(days=1))).status == "done"
    old.assert_exactly_one_of_each()


async def test_operators_see_an_old_order_without_its_person(old):
    [summary] = (await old.show.list(ListProvisioning())).processes
    assert (summary.order_id, summary.attempt, summary.status, summary.owner) == (ORDER, 1, "done", "nobody")
    file = await old.show.read(ReadProvisioning(order_id=ORDER))
    assert set(file.facts) == {"whmcs_order_id", "whmcs_service_id"}
    assert [attempt.state for attempt in file.attempts] == ["activated"]
    assert (file.journal, file.trace_id) == ([], None)
    assert set((await old.view()).state) == {"attempt", "whmcs_order_id", "whmcs_service_id"}


async def test_an_old_failure_is_tried_again_for_an_explicit_retry_alone(desk):
    desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_REFUSED", facts={"message": "closed"})}
    assert (await desk.provision()).status == "failed"
    desk.billing.refuses = {}
    await grown_old(desk)
    for source, at in (
        ("sweeper", None),
        ("customer", None),
        ("platform_event", desk.clock.now() - timedelta(days=735)),
    ):
        assert await desk.signal(source, at=at) is Verdict.ABSORB
    assert (await desk.run(timedelta(days=1))).status == "failed"
    await desk.operate.retry(command(RetryProvisioning), operator_call())
    assert (await desk.run(timedelta(hours=2))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_an_order_that_still_waits_is_whole_after_years_and_goes_on(desk):
    desk.billing.payment_method = False
    assert (await desk.provision(by=timedelta(minutes=1))).status == "blocked"
    await grow_old(desk.engine, desk.clock, desk.store)
    assert (await desk.view()).state["order"] is not None
    desk.billing.payment_method = True
    assert (await desk.run(timedelta(hours=2))).status == "done"
    desk.assert_exactly_one_of_each()
