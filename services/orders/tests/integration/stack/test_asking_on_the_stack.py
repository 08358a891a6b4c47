"""Signed calls, customers and operators who ask about an order, on the real bus and database."""

import asyncio
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from portal_chassis.telemetry import continue_from
from portal_contracts.drift import CompareSystems, ListDrift
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import Refused, TryLater
from portal_contracts.provisioning_requests import (
    ChangePorting,
    ProvisionCallBody,
    ReadOrderFile,
    RecheckOrder,
    RequestProvisioning,
)
from portal_contracts.whmcs_orders import BilledClient

REQUESTED = "orders.order.provision_requested.v1"
PORTING = NumberPorting(
    phone_number="09000000000",
    reservation_number="1100000000",
    reservation_expires_on=date(2099, 12, 5),
    family_name="見本",
    given_name="花子",
    family_name_kana="ミホン",
    given_name_kana="ハナコ",
    gender="female",
    born_on=date(1990, 1, 1),
)


def signed(order_id, **facts):
    return RequestProvisioning(
        **{
            "idempotency_key": "call-0001",
            "order_id": order_id,
            "body": ProvisionCallBody(requested_by="staff@example.jp", correlation_id="approval-0001"),
            "body_sha256": "0" * 64,
            "key_id": "example-key-1",
            "nonce": uuid4().hex,
            "signed_at": datetime.now(UTC),
            **facts,
        }
    )


async def code_of(action):
    with pytest.raises((Refused, TryLater)) as caught:
        await action
    return caught.value.code


async def outcomes(stack, calls):
    answers = await asyncio.gather(*(stack.gateway.ask(call) for call in calls), return_exceptions=True)
    return [getattr(answer, "code", None) or answer.state for answer in answers]


async def sources(stack, order_id):
    return [event["source"] for event in await stack.recorded(REQUESTED) if event["orderId"] == order_id]


async def test_a_replayed_call_passes_once_in_parallel_and_not_after_a_restart_either(stack, staff, carts, eventually):
    """R141, R142: fifty at once with one nonce, then the same again after a kill."""
    order = (await stack.check_out(*carts.vpn)).orders[0]
    await staff.change("Order", order.order_id, Status="Approved")
    call = signed(order.order_id)
    found = await outcomes(stack, [call] * 50)
    assert (found.count("accepted"), found.count("NONCE_REPLAYED")) == (1, 49)
    await eventually(lambda: sources(stack, order.order_id))
    await stack.kill()
    await stack.start()
    assert await code_of(stack.gateway.ask(call)) == "NONCE_REPLAYED"
    again = await stack.gateway.ask(signed(order.order_id))
    assert (again.request_id, again.state) == ("call-0001", "accepted")
    assert await code_of(stack.gateway.ask(signed(order.order_id, body_sha256="1" * 64))) == "IDEMPOTENCY_KEY_REUSED"
    assert await sources(stack, order.order_id) == ["signed_call"]
    request = (await stack.recorded(REQUESTED))[0]
    assert (request["requestedBy"], request["correlationId"]) == ("staff@example.jp", "approval-0001")


async def test_many_at_once_under_one_key_have_one_effect(stack, carts):
    """Each is signed anew; those who find the key taken are asked to come again, and then get the stored answer."""
    order = (await stack.check_out(*carts.vpn)).orders[0]
    found = await outcomes(stack, [signed(order.order_id) for _ in range(50)])
    assert set(found) <= {"accepted", "IN_PROGRESS"}
    assert found.count("accepted") >= 1
    hints = await stack.rows("order_hint")
    assert len([hint for hint in hints if hint["signal"] is not None]) == 1
    assert (await stack.gateway.ask(signed(order.order_id))).state == "accepted"


async def test_a_customer_mends_a_waiting_order_and_staff_see_it(stack, staff, carts, eventually):
    """D09, §2.1: a new reservation stands in Salesforce, and the order is looked at again."""
    service = carts.line("sim", "SIM-VOICE-ESIM-20G", eid=carts.sim[0].eid, porting=PORTING)
    order_id = (await stack.check_out(service, carts.sim[1])).orders[0].order_id
    await staff.change("Order", order_id, Status="Approved")
    await stack.changed(order_id, "Status")
    await eventually(lambda: sources(stack, order_id))
    porting = PORTING.model_copy(update={"reservation_number": "2200000000"})
    command = ChangePorting(request_id="request-0001", order_id=order_id, porting=porting)
    with continue_from(f"00-{'a' * 32}-{'b' * 16}-01"):
        for _ in range(2):
            await stack.gateway.ask(command, actor=stack.token())
    assert (await staff.record("Order", order_id))["MNP_Reservation_Number__c"] == "2200000000"
    await stack.gateway.ask(RecheckOrder(request_id="request-0002", order_id=order_id), actor=stack.token())
    stranger = stack.token("001000000000009AAA")
    foreign = RecheckOrder(request_id="request-0003", order_id=order_id)
    assert await code_of(stack.gateway.ask(foreign, actor=stranger)) == "NOT_FOUND"

    async def three():
        return await sources(stack, order_id) == ["change_event", "customer", "customer"]

    await eventually(three)
    file = await stack.gateway.ask(ReadOrderFile(order_id=order_id), actor=stack.operator_token("operator_viewer"))
    assert [entry.kind for entry in file.timeline] == ["order.placed", "order.approved", "order.porting_changed"]
    assert file.timeline[-1].trace_id == "a" * 32
    assert await code_of(stack.gateway.ask(ReadOrderFile(order_id=order_id), actor=stack.token())) != "NOT_FOUND"
    outbox = await stack.rows("portal_outbox")
    assert "2200000000" not in str([bytes(row["body"]) for row in outbox])


@pytest.mark.parametrize("stack_settings", [{"PORTAL_COMPARISON_PAUSE_SECONDS": "0"}])
async def test_an_operator_has_the_systems_compared(stack, staff, eventually):
    """D14: a client without a link and an address that differs."""
    service = {"whmcs_client_id": 42, "customer_number": "SNX-10001", "address_fingerprint": "0" * 64, "services": []}
    stack.others.clients = [
        BilledClient(**service),
        BilledClient(**{**service, "whmcs_client_id": 50, "customer_number": "SNX-10050"}),
    ]
    await staff.change(
        "Account", stack.others.linked.copy().pop(), BillingPostalCode="150-0001", BillingStreet="神宮前1"
    )
    token = stack.operator_token("operator_devops")
    compare = CompareSystems(request_id="request-0001", dry_run=False, reason="A test")
    forbidden = stack.gateway.ask(compare, actor=stack.operator_token("operator_viewer"))
    assert await code_of(forbidden) == "OPERATOR_FORBIDDEN"
    assert (await stack.gateway.ask(compare, actor=token)).carried_out

    async def compared():
        report = await stack.gateway.ask(ListDrift(), actor=token)
        return report if report.compared_at and not report.running else None

    report = await eventually(compared)
    assert {drift.id for drift in report.drifts} == {"address_mismatch:42", "orphan_client:50"}
    assert report.totals == {"address_mismatch": 1, "orphan_client": 1}
