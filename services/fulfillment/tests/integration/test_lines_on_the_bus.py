"""Customers' lines through the whole service: real NATS, Postgres, the sandbox's Freebit; lost answers and two tabs."""

import asyncio
from datetime import UTC, datetime

import pytest

from portal_chassis.actor import Actor
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import (
    EndLine,
    FindServiceLine,
    ReadLineChange,
    ReadSimLine,
    ReadSimUsage,
    ReissueEsim,
    RevealLineCode,
    TopUpSim,
)

ACCOUNT, SOMEBODY_ELSE = "001000000000001AAA", "001000000000002AAA"


def customer(account=ACCOUNT):
    return Actor("user-1", 42, account, ("customer",), "session-1", datetime.now(UTC), "ja")


@pytest.fixture
async def service_id(portal, new_order):
    """The WHMCS service of a line in service."""
    portal.orders.put(new_order())
    await portal.signal()
    await portal.until("done")
    (row,) = await portal.rows("SELECT whmcs_service_id FROM sim_line")
    return row["whmcs_service_id"]


async def ended(portal, change, within=45.0):
    async with asyncio.timeout(within):
        while change.state in ("working", "unclear"):
            await asyncio.sleep(0.1)
            change = await portal.ask(ReadLineChange(change_id=change.change_id), customer())
    return change


@pytest.mark.parametrize("lost", [None, "after_effect", "before_effect"])
async def test_a_top_up_is_added_and_charged_once_in_two_tabs(portal, freebit_sandbox, service_id, lost):  # C18
    if lost is not None:
        freebit_sandbox.core.faults.arm({"vendor": "freebit", "call": "master/addSpec", "kind": lost, "times": 1})
    tabs = [TopUpSim(request_id=f"request-{tab}", service_id=service_id, megabytes=1000) for tab in (1, 2, 1)]
    answers = await asyncio.gather(*(portal.ask(tab, customer()) for tab in tabs), return_exceptions=True)
    changes = {one.change_id: one for one in answers if not isinstance(one, Refused)}
    refused = [one.code for one in answers if isinstance(one, Refused)]
    assert set(refused) <= {"LINE_CHANGE_UNDER_WAY"}
    for change in changes.values():
        assert (await ended(portal, change)).state == "done"
    usage = await portal.ask(ReadSimUsage(service_id=service_id), customer())
    assert len(usage.added) == len(changes)
    async with asyncio.timeout(15):
        while len(portal.charged) < len(changes):
            await asyncio.sleep(0.1)
    assert sorted(portal.charged.values()) == [1100] * len(changes)


async def test_a_new_esim_has_a_new_code_that_is_shown_once(portal, service_id):  # R177, D11
    first = await portal.ask(RevealLineCode(request_id="showing-1", service_id=service_id), customer())
    command = ReissueEsim(request_id="request-1", service_id=service_id, confirmed=True)
    change = await ended(portal, await portal.ask(command, customer()))
    assert change.state == "done"
    again = await portal.ask(RevealLineCode(request_id="showing-2", service_id=service_id), customer())
    assert first.guide
    assert again.install_link.endswith(again.activation_code)
    with pytest.raises(Refused, match="ESIM_CODE_ALREADY_SHOWN"):
        await portal.ask(RevealLineCode(request_id="showing-3", service_id=service_id), customer())


async def test_a_line_is_its_owners_alone(portal, service_id):
    line = await portal.ask(ReadSimLine(service_id=service_id), customer())
    assert (line.state, line.esim) == ("active", True)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await portal.ask(ReadSimLine(service_id=service_id), customer(SOMEBODY_ELSE))


@pytest.mark.parametrize("lost", [None, "after_effect", "before_effect"])
async def test_the_line_of_a_cancelled_service_ends_once(portal, freebit_sandbox, service_id, lost):  # C22
    found = await portal.serve(FindServiceLine(account_id=ACCOUNT, service_id=service_id))
    if lost is not None:
        freebit_sandbox.core.faults.arm({"vendor": "freebit", "call": "master/cnclAcnt", "kind": lost, "times": 1})
    command = EndLine(cancellation_id=f"{7:032x}", account_id=ACCOUNT, service_id=service_id)
    async with asyncio.timeout(40):
        while (await portal.serve(command)).state != "done":
            await asyncio.sleep(0.2)
    requested = freebit_sandbox.core.ledger.entries(kind="freebit.line.cancel_requested", key=found.phone_number)
    assert len(requested) == 1
    assert (await portal.ask(ReadSimLine(service_id=service_id), customer())).state == "ended"
    assert found.iccid
    with pytest.raises(Refused, match="NOT_FOUND"):
        await portal.serve(EndLine(cancellation_id=f"{8:032x}", account_id=SOMEBODY_ELSE, service_id=service_id))
