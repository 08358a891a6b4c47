"""Orders with a date: held, checked before, started once at their minute, whatever changes (C15, C38, R163-R168)."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal_chassis.clocks import TOKYO
from portal_local.demo.customer import eventually
from portal_testing.invariants import broken_invariants, broken_silence, effects
from portal_testing.salesforce_dialects import SalesforceDialect
from portal_testing.sandbox_control import SandboxControl
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
LATEST = timedelta(seconds=60)
"""How late a scheduled order may start."""
LOOKS_SECONDS = 1.5
"""How long a test looks before it believes that nothing happens."""


async def in_future(sandbox: SandboxControl, ahead: timedelta) -> datetime:
    """A whole minute of business time so far ahead."""
    return (await sandbox.now() + ahead).replace(second=0, microsecond=0)


async def started_at(sandbox: SandboxControl, order_id: str) -> list[datetime]:
    """When WHMCS orders were made for an order: the first effect of a VPN's provisioning."""
    entries = await sandbox.ledger(kind="whmcs.order.created")
    return [datetime.fromisoformat(entry["at"]) for entry in entries if str(entry["key"]).startswith(order_id)]


async def starts_at(shopper: Shopper, sandbox: SandboxControl, order_id: str, moment: datetime) -> None:
    """See that an order starts at its minute and once, not before."""
    await shopper.see(order_id, "order.activated")
    (started,) = await started_at(sandbox, order_id)
    assert moment <= started <= moment + LATEST


async def waits(stack: PortalStack, order_id: str) -> None:
    """See that nothing happens."""
    await asyncio.sleep(LOOKS_SECONDS)
    assert await broken_silence(stack, order_id) == []


def spoken(moment: datetime) -> str:
    return moment.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")


def salesforce_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


async def scheduled(shopper: Shopper, *order_ids: str) -> None:
    """Approve, and wait until the portal says when each order starts."""
    for order_id in order_ids:
        await shopper.change(order_id, Status="Approved")
    for order_id in order_ids:
        await shopper.see(order_id, "provisioning.scheduled")


async def test_an_order_dated_in_ten_days_is_checked_before_and_starts_at_its_minute(
    shopper, portal_stack: PortalStack, salesforce_dialect: SalesforceDialect
) -> None:  # C38, R163-R165
    sandbox = portal_stack.sandbox
    moment = await in_future(sandbox, 10 * DAY)
    order_id = await shopper.order_vpn(activate_at=moment)
    await scheduled(shopper, order_id)

    async def shown() -> dict[str, Any] | None:
        order = await shopper.read(order_id)
        return order if order["activation"] == "scheduled" else None

    order = await eventually(shown, "the order to be shown as scheduled")
    assert order["status"] == {"en": f"Scheduled for {spoken(moment)}", "ja": f"{spoken(moment)} 開通予定"}
    assert order["whoActs"]["owner"] == "us"
    assert datetime.fromisoformat(order["whoActs"]["until"]) == moment
    in_salesforce = await shopper.salesforce.read("Order", order_id)
    assert in_salesforce["Status"] == "Approved"
    assert in_salesforce["Activation_Status__c"] == salesforce_dialect.not_started  # C03, C38
    assert in_salesforce["Activation_Error__c"] is None

    await shopper.journey.remove_card()
    await sandbox.advance_to(moment - 3 * DAY + MINUTE)
    missing = await shopper.see(order_id, "provisioning.preflight_failed")
    assert missing["whoActs"]["owner"] == "customer"
    assert missing["whoActs"]["action"] == "/billing/payment-methods"
    assert datetime.fromisoformat(missing["whoActs"]["until"]) == moment
    await sandbox.advance_clock(int(DAY.total_seconds()) + 60)  # looked at again, and not told again
    await waits(portal_stack, order_id)
    mails = [one for one in await sandbox.ledger(kind="sendgrid.mail.accepted") if order_id in one["key"]]
    assert sum("preflight" in str(mail["key"]) for mail in mails) == 1
    await shopper.journey.add_card()
    await shopper.customer.post(f"/orders/{order_id}/recheck", {})
    await shopper.see(order_id, "provisioning.preflight_passed")

    await sandbox.advance_to(moment - timedelta(seconds=20))
    await waits(portal_stack, order_id)
    await sandbox.advance_to(moment)
    await starts_at(shopper, sandbox, order_id, moment)
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id) == []
    kinds = [entry["kind"] for entry in await shopper.timeline(order_id)]
    assert [kinds.count(f"provisioning.{one}") for one in ("preflight_failed", "preflight_passed")] == [1, 1]


@pytest.mark.timeout(240)
async def test_a_date_may_be_moved_or_taken_away_or_be_overtaken_by_somebody(
    shopper, portal_stack: PortalStack, operator
) -> None:  # R164, R166, R168
    sandbox = portal_stack.sandbox
    moment = await in_future(sandbox, 2 * DAY)
    skus = ("VPN-US", "VPN-UK")
    ordered = await shopper.order_services(*({"sku": skus[number % 2]} for number in range(6)), activate_at=moment)
    earlier, later, undated, cancelled, by_operator, by_button = ordered
    await scheduled(shopper, *ordered)

    soon, late = await in_future(sandbox, timedelta(hours=2)), moment + DAY
    await shopper.change(earlier, Activation_Scheduled_At__c=salesforce_time(soon))
    await shopper.change(later, Activation_Scheduled_At__c=salesforce_time(late))
    await shopper.change(undated, Activation_Type__c="Immediate", Activation_Scheduled_At__c=None)
    await shopper.change(cancelled, Status="Cancelled")
    shown = await operator.command_line("activate-now", by_operator, "--reason", "The customer called")
    assert (shown.exit_code, "would be done" in shown.output) == (0, True), shown.errors
    done = await operator.command_line("activate-now", by_operator, "--reason", "The customer called", "--do")
    assert (done.exit_code, "Done:" in done.output) == (0, True), done.errors
    assert (await sandbox.call_provision(by_button, requestedBy="Kato")).status == 202
    for order_id in (undated, by_operator, by_button):
        await shopper.see(order_id, "order.activated")
    for order_id in (earlier, later):
        await shopper.see(order_id, "provisioning.scheduled", times=2)
    for order_id in (earlier, later, cancelled):
        assert await broken_silence(portal_stack, order_id) == []

    await sandbox.advance_to(soon)
    await starts_at(shopper, sandbox, earlier, soon)
    await sandbox.advance_to(moment + MINUTE)
    await waits(portal_stack, later)
    await sandbox.advance_to(late)
    await starts_at(shopper, sandbox, later, late)
    assert await broken_silence(portal_stack, cancelled) == []  # I7
    shopper.journey.orders = [one for one in shopper.journey.orders if one.order_id != cancelled]
    assert await shopper.finish() == []
    for order_id in set(ordered) - {cancelled}:
        assert await broken_invariants(portal_stack, order_id) == []


async def test_the_orgs_own_schedules_beside_ours_start_an_order_once(shopper, portal_stack: PortalStack) -> None:
    sandbox = portal_stack.sandbox  # C15, R155, R156: path and Flow, with a clock that is wrong either way
    first = await in_future(sandbox, DAY)
    dates = {300: first, -300: first + timedelta(hours=2)}
    ordered = await shopper.order_services({"sku": "VPN-US"}, {"sku": "VPN-UK"}, activate_at=first)
    await shopper.change(ordered[1], Activation_Scheduled_At__c=salesforce_time(dates[-300]))
    await scheduled(shopper, *ordered)
    try:
        for order_id, (skew, moment) in zip(ordered, dates.items(), strict=True):
            flows = {"optionAScheduledPath": True, "optionAScheduledFlow": True, "flowClockSkewSeconds": skew}
            await sandbox.set_switches({"salesforce": flows})
            await sandbox.advance_to(moment - timedelta(minutes=8))  # nobody calls yet, and every clock has moved then
            await waits(portal_stack, order_id)
            await sandbox.advance_to(moment - timedelta(seconds=280))  # a clock 300 s ahead says that it is time
            await waits(portal_stack, order_id)
            await sandbox.advance_to(moment)
            await starts_at(shopper, sandbox, order_id, moment)
            await sandbox.advance_to(moment + timedelta(minutes=20))
    finally:
        off = {"optionAScheduledPath": False, "optionAScheduledFlow": False, "flowClockSkewSeconds": 0}
        await sandbox.set_switches({"salesforce": off})
    assert await effects(portal_stack, "salesforce.callout.sent", ordered[0]) >= 1, "the path never called"
    assert await shopper.finish() == []
    for order_id in ordered:
        assert await broken_invariants(portal_stack, order_id) == []
