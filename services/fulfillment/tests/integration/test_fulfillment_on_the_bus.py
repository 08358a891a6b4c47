"""The whole service over real NATS, real Postgres and the sandbox's Freebit."""

import asyncio

import pytest

from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed


def activations(sandbox, eid):
    return sandbox.core.ledger.entries(kind="freebit.esim.activated", key=eid)


def requests(sandbox, eid):
    return sandbox.core.ledger.entries(kind="freebit.esim.requested", key=eid)


async def assert_one_of_each(portal, sandbox, order_id, eid):
    assert len(activations(sandbox, eid)) == len(requests(sandbox, eid)) == 1
    assert portal.billing.ledger == [("created", order_id), ("accepted", order_id)]
    assert [one.outcome for one in portal.orders.outcomes][-1:] == ["activated"]
    subjects = [subject for subject, _ in await portal.recorded()]
    assert subjects.count(OrderActivated.subject) == 1


async def test_one_event_delivered_twenty_times_is_one_activation(portal, freebit_sandbox, new_order, order_id, eid):
    """C01, C20, T-11."""
    portal.orders.put(new_order())
    await portal.signal(times=20, request_id="one")
    await portal.signal(times=3, source="sweeper")
    await portal.until("done")
    await portal.signal(source="change_event")
    async with asyncio.timeout(40):
        while len(await portal.rows("SELECT FROM portal_inbox")) < 24:
            await asyncio.sleep(0.02)
    await assert_one_of_each(portal, freebit_sandbox, order_id, eid)
    progressed = [body for subject, body in await portal.recorded() if subject == ProvisioningProgressed.subject]
    stages = [body["stage"] for body in progressed if body["stage"] != "absorbed"]
    assert stages == ["started", "reserved", "sim_requested", "sim_active", "accepted"]
    assert sorted(body["source"] for body in progressed if body["stage"] == "absorbed") == ["change_event", "sweeper"]
    (line,) = await portal.rows("SELECT account, activation_code FROM sim_line")
    assert b"LPA" not in line["activation_code"]
    phone_number, iccid = portal.billing.accepted_with[order_id]
    assert phone_number == line["account"]
    assert iccid.startswith("89")
    options = freebit_sandbox.core.ledger.entries(kind="freebit.line.talkoption_requested")
    assert len(options) == 1


async def test_an_internet_order_never_meets_freebit(portal, freebit_sandbox, new_order, order_id):
    line = new_order().lines[0].model_copy(update={"sku": "INT-HOME-1G", "whmcs_product_id": 101, "unit_price": 5500})
    portal.orders.put(new_order(category="internet", lines=[line], esim=False, voice=False, eid=None, sim_plan=None))
    await portal.signal()
    await portal.until("done")
    assert portal.billing.ledger == [("created", order_id), ("accepted", order_id)]
    assert freebit_sandbox.core.faults.calls.get("freebit") is None


async def test_a_missing_payment_method_blocks_and_resumes_by_itself(portal, freebit_sandbox, new_order, order_id, eid):
    """C04."""
    portal.billing.payment_method = False
    portal.orders.put(new_order())
    await portal.signal()
    assert await portal.until("blocked") == ("blocked", "PAYMENT_METHOD_MISSING")
    assert portal.billing.ledger == []
    portal.billing.payment_method = True
    await portal.until("done")
    await assert_one_of_each(portal, freebit_sandbox, order_id, eid)


@pytest.mark.parametrize("kind", ["after_effect", "before_effect", "html"])
async def test_a_lost_answer_of_freebit_is_one_activation(portal, freebit_sandbox, new_order, order_id, eid, kind):
    freebit_sandbox.core.faults.arm(
        {"vendor": "freebit", "call": "mvno/esim/addAcnt", "kind": kind, "params": {"seconds": 0.1}}
    )
    portal.orders.put(new_order())
    await portal.signal()
    await portal.until("done")
    await assert_one_of_each(portal, freebit_sandbox, order_id, eid)


async def test_a_refusal_of_freebit_releases_and_fails_and_a_retry_succeeds(
    portal, freebit_sandbox, new_order, order_id, eid
):
    freebit_sandbox.core.switches.update({"freebit": {"failFor": eid}})
    portal.orders.put(new_order())
    await portal.signal()
    assert await portal.until("failed") == ("failed", "SIM_REFUSED")
    assert portal.billing.ledger == [("created", order_id), ("cancelled", order_id)]
    freebit_sandbox.core.switches.update({"freebit": {"failFor": ""}})
    await portal.signal(source="operator")
    await portal.until("done")
    assert len(activations(freebit_sandbox, eid)) == 1
    attempts = await portal.rows("SELECT attempt, state FROM provisioning_attempt ORDER BY attempt")
    assert [tuple(row) for row in attempts] == [(1, "failed"), (2, "activated")]


@pytest.mark.kill
@pytest.mark.parametrize("moment", ["orders.mark_activating", "billing.reserve", "sims", "billing.accept"])
async def test_a_service_killed_in_mid_flight_is_followed_by_one_that_finishes(
    portal, freebit_sandbox, new_order, order_id, eid, moment
):
    """C19, T-01."""
    portal.orders.put(new_order())
    await portal.signal()
    async with asyncio.timeout(40):
        while not (
            requests(freebit_sandbox, eid) if moment == "sims" else moment in portal.orders.calls + portal.billing.calls
        ):
            await asyncio.sleep(0.001)
    await portal.kill()
    await portal.rows("UPDATE portal_process SET lease_until = clock_timestamp() WHERE lease IS NOT NULL")
    await portal.start()
    await portal.until("done", within=40)
    await assert_one_of_each(portal, freebit_sandbox, order_id, eid)


async def test_nothing_secret_and_nobodys_number_reaches_the_log(
    portal, freebit_sandbox, new_order, order_id, eid, tmp_path
):
    """I12, D11."""
    portal.orders.put(new_order())
    await portal.signal()
    await portal.until("done")
    (line,) = await portal.rows("SELECT account FROM sim_line")
    log = (tmp_path / "fulfillment.log").read_text()
    assert "ready" in log
    for hidden in ("LPA:", eid, line["account"], "sandbox-oem-key"):
        assert hidden not in log
