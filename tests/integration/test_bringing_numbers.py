"""Lines from cart to service: numbers brought along, SIM cards, activations that fail (D09, C18, C19, freebit.md §8).

The sandbox's numbers to port in can be used once, and their reservations end two weeks after its start: each test has
its own, and this file comes before those that move business time by days.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from portal_chassis.clocks import TOKYO
from portal_local.demo.customer import Problem
from portal_testing.invariants import broken_invariants, effects
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

RESERVATION_DAYS = 14
HANAKO = {
    "phoneNumber": "090-0000-7001",
    "reservationNumber": "1100007001",
    "familyName": "山田",
    "givenName": "花子",
    "familyNameKana": "ヤマダ",
    "givenNameKana": "ハナコ",
    "gender": "female",
    "bornOn": "1990-04-01",
}
SHOTA = {
    "phoneNumber": "09000007004",
    "reservationNumber": "1100007004",
    "familyName": "高橋",
    "givenName": "翔太",
    "familyNameKana": "タカハシ",
    "givenNameKana": "ショウタ",
    "gender": "male",
    "bornOn": "1995-07-15",
}
MISAKI = {
    "phoneNumber": "09000007005",
    "oneStop": True,
    "familyName": "佐藤",
    "givenName": "美咲",
    "familyNameKana": "サトウ",
    "givenNameKana": "ミサキ",
    "gender": "female",
    "bornOn": "2000-02-29",
}
OLD_FORM = "髙橋"
CARD = "AX0000000000020"


async def days_from_now(stack: PortalStack, days: int) -> date:
    return ((await stack.sandbox.now()).astimezone(TOKYO) + timedelta(days=days)).date()


async def with_reservation(stack: PortalStack, porting: dict[str, Any]) -> dict[str, Any]:
    """The reservation as the old operator issued it when the sandbox started, some minutes of business time ago."""
    return {**porting, "reservationExpiresOn": (await days_from_now(stack, RESERVATION_DAYS)).isoformat()}


async def blocked(shopper: Shopper, order_id: str, code: str, *, times: int = 1) -> None:
    """See that an order waits for its customer, who is told where to mend it."""
    entry = await shopper.see(order_id, "provisioning.blocked", times=times)
    assert entry["whoActs"]["owner"] == "customer"
    assert entry["whoActs"]["action"] == f"/orders/{order_id}/porting"
    shown = await shopper.salesforce.read("Order", order_id)
    assert shown["Activation_Error__c"].startswith(f"{code}: ")


async def line_of(shopper: Shopper, order_id: str) -> dict[str, Any]:
    """What Freebit has, by the number the service at WHMCS carries."""
    assert await shopper.finish() == []
    (facts,) = [one for one in shopper.journey.orders if one.order_id == order_id]
    return await shopper.journey.systems.freebit.line(facts.line)


async def test_a_number_comes_along_once_its_reservation_is_long_enough_and_right(shopper, portal_stack) -> None:
    today = await days_from_now(portal_stack, 0)
    good = await with_reservation(portal_stack, HANAKO)
    with pytest.raises(Problem) as caught:
        await shopper.order_esim(porting={**HANAKO, "reservationExpiresOn": today.isoformat()})
    codes = {caught.value.code, *(error["code"] for error in caught.value.body.get("errors", []))}
    assert "PORTING_TOO_SHORT" in codes
    order_id = await shopper.order_esim(porting={**good, "reservationNumber": "1100009999"})
    await shopper.change(order_id, MNP_Expiry_Date__c=today.isoformat())  # staff learn that it ends sooner
    await shopper.journey.approve()
    await blocked(shopper, order_id, "PORTING_TOO_SHORT")
    assert await effects(portal_stack, "freebit.esim.requested", shopper.person.eid) == 0

    path = f"/orders/{order_id}/porting"
    with pytest.raises(Problem) as caught:
        await shopper.customer.post(path, {**good, "reservationExpiresOn": today.isoformat()})
    assert (caught.value.status, caught.value.code) == (409, "PORTING_TOO_SHORT")
    await shopper.customer.post(path, {**good, "reservationNumber": "1100009998"})
    await blocked(shopper, order_id, "PORTING_RESERVATION_REFUSED", times=2)  # Freebit does not know that one
    await shopper.customer.post(path, good)
    line = await line_of(shopper, order_id)
    assert (line["account"], line["state"]) == ("09000007001", "active")
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []
    with pytest.raises(Problem) as caught:
        await shopper.customer.post(path, good)
    assert (caught.value.status, caught.value.code) == (409, "PROVISIONING_PAST_PIVOT")


async def test_a_number_comes_to_a_sim_card_under_the_name_of_the_old_contract(shopper, portal_stack) -> None:
    porting = await with_reservation(portal_stack, SHOTA)
    (order_id,) = await shopper.order_services({"sku": "SIM-VOICE-PHYS-10G", "porting": porting})
    await shopper.change(order_id, SIM_Card_Number__c=CARD)
    await shopper.journey.approve()
    await blocked(shopper, order_id, "PORTING_IDENTITY_MISMATCH")
    await shopper.customer.post(f"/orders/{order_id}/porting", {**porting, "familyName": OLD_FORM})
    shopper.journey.orders[0].card_number = CARD
    line = await line_of(shopper, order_id)
    assert (line["account"], line["productNumber"], line["state"]) == ("09000007004", CARD, "active")
    assert await broken_invariants(portal_stack, order_id, card_line="09000007004") == []


async def test_a_number_comes_along_without_a_reservation_where_operators_fetch_it(shopper, portal_stack) -> None:
    order_id = await shopper.order_esim(porting=MISAKI)
    await shopper.journey.approve()
    line = await line_of(shopper, order_id)
    assert (line["account"], line["state"]) == ("09000007005", "active")
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []
    (kept,) = (await shopper.customer.get("/me/export"))["systems"]["salesforce"]["numberPortings"]  # D17
    assert (kept["orderId"], kept["data"]["phone_number"], kept["data"]["one_stop"]) == (order_id, "09000007005", True)


@pytest.mark.timeout(180)
async def test_an_activation_that_fails_is_given_back_and_made_again_by_an_operator(
    shopper, portal_stack: PortalStack, operator
) -> None:
    eid = shopper.person.eid
    order_id = await shopper.order_esim()
    await portal_stack.sandbox.set_switches({"freebit": {"failFor": eid}})
    try:
        await shopper.journey.approve()
        failed = await shopper.see(order_id, "provisioning.failed")
    finally:
        await portal_stack.sandbox.set_switches({"freebit": {"failFor": ""}})
    assert failed["whoActs"]["owner"] in {"staff", "us"}
    shown = await shopper.salesforce.read("Order", order_id)
    assert (shown["Status"], shown["Activation_Status__c"]) == ("Approved", "Failed")
    assert shown["Activation_Error__c"].startswith("SIM_REFUSED: ")
    assert await effects(portal_stack, "whmcs.order.accepted", order_id) == 0
    assert await effects(portal_stack, "whmcs.order.cancelled", order_id) == 1

    planned = await operator.order(f"/operator/provisioning/{order_id}/retry")
    assert (planned["carriedOut"], bool(planned["changes"])) == (False, True)
    assert (await operator.get(f"/operator/provisioning/{order_id}"))["summary"]["status"] == "failed"
    done = await operator.order(f"/operator/provisioning/{order_id}/retry", do=True)
    assert done["carriedOut"]
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, eid) == []
    attempts = (await operator.get(f"/operator/provisioning/{order_id}"))["attempts"]
    assert [one["state"] for one in attempts] == ["failed", "activated"]
