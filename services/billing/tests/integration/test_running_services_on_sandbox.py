"""Extra invoices, ends and prices on the sandbox's WHMCS (C18, C22)."""

from datetime import date

import pytest

from portal_billing import main
from portal_billing.ports import Unclear
from portal_billing.service_ports import Extra
from portal_billing.whmcs_api import connect
from portal_chassis.clocks import SystemMachineClock
from portal_contracts.problems import Refused, TryLater

CLIENT, OTHER = 5011, 5012
EVER = float("inf")


@pytest.fixture
async def running(sandbox_whmcs):
    connection = connect(sandbox_whmcs.settings(), SystemMachineClock())
    yield main.running_on(connection, lambda: date(2026, 11, 20))
    await connection.close()


@pytest.fixture
async def service(whmcs):
    """An active service of the client's."""
    return next(one for one in await whmcs.reads.subscriptions(CLIENT) if one.state == "active")


async def test_an_extra_is_found_again_by_its_key(running, whmcs, service):
    extras, _ = running
    extra = Extra("topup-00000001", CLIENT, service.service_id, 1100, "データ追加 1000MB")
    assert await extras.find(CLIENT, extra.key) is None
    made = await extras.create(extra, send_by=EVER)
    assert await extras.find(CLIENT, extra.key) == made
    assert await extras.find(OTHER, extra.key) is None
    assert await extras.find(CLIENT, "topup-0000000") is None  # the beginning of a key is no key
    invoice = await whmcs.reads.invoice(made)
    assert (invoice.invoice.total, invoice.client_id) == (1100, CLIENT)


async def test_a_lost_invoice_is_unclear_and_found(running, sandbox_whmcs, service):
    extras, _ = running
    sandbox_whmcs.core.faults.arm({"vendor": "whmcs", "call": "CreateInvoice", "kind": "after_effect"})
    extra = Extra("topup-00000002", CLIENT, service.service_id, 1100, "Data")
    with pytest.raises(Unclear):
        await extras.create(extra, send_by=EVER)
    assert await extras.find(CLIENT, extra.key) is not None


async def test_a_client_that_does_not_exist_is_not_charged(running):
    extras, _ = running
    with pytest.raises(Refused, match="NOT_FOUND"):
        await extras.create(Extra("topup-00000003", 99999, 1, 1100, "Data"), send_by=EVER)


async def test_a_service_is_ended_with_or_without_a_module_and_again(running, service):
    _, services = running
    for _ in range(2):
        await services.ask_to_cancel(service.service_id, "Portal cancellation 1")
    await services.terminate(service.service_id)
    assert await services.state(CLIENT, service.service_id) in ("terminated", "cancelled")


async def test_another_clients_service_is_not_found(running, service):
    _, services = running
    with pytest.raises(Refused, match="NOT_FOUND"):
        await services.state(OTHER, service.service_id)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await services.quote(OTHER, service.service_id, 202, "monthly")


async def test_another_plan_is_priced_and_nothing_is_ordered(running, sandbox_whmcs, service):
    _, services = running
    quote = await services.quote(CLIENT, service.service_id, 202, "monthly")
    assert quote.price is not None
    assert "whmcs.upgrade.ordered" not in sandbox_whmcs.kinds()
    with pytest.raises(Refused, match="PLAN_CHANGE_NOT_OFFERED"):
        await services.quote(CLIENT, service.service_id, 99999, "monthly")


async def test_a_whmcs_that_is_away_is_asked_again_later(running, sandbox_whmcs, service):
    _, services = running
    sandbox_whmcs.core.faults.arm({"vendor": "whmcs", "call": "GetClientsProducts", "kind": "refused", "times": 9})
    with pytest.raises(TryLater):
        await services.state(CLIENT, service.service_id)
