"""Events nobody can read are kept, shown, tried again and closed; the order goes its way without them (R151, D13)."""

from typing import Any

import pytest

from portal_local.demo.customer import eventually
from portal_testing.invariants import broken_invariants
from portal_testing.operators import OperatorAtWork
from portal_testing.stack import PortalStack

LETTERS = "/operator/orders/dead-letters"


async def buried(operator: OperatorAtWork, word: str) -> dict[str, Any]:
    """Wait for the newest dead letter whose problem has this word."""

    async def look() -> dict[str, Any] | None:
        found = (await operator.get(LETTERS))["deadLetters"]
        return next((one for one in found if word in one["problem"]), None)

    return await eventually(look, f"a dead letter about {word}")


@pytest.mark.parametrize(
    ("flow", "word"), [({"flowEventVersion": 99}, "version"), ({"flowOmitsOrderId": True}, "Salesforce id")]
)
async def test_an_approval_whose_event_cannot_be_read_is_found_another_way(
    shopper, portal_stack: PortalStack, operator, flow, word
) -> None:
    order_id = await shopper.order_vpn()
    await portal_stack.sandbox.set_switches({"salesforce": flow})
    try:
        await shopper.journey.approve()
        letter = await buried(operator, word)
    finally:
        usual = {"flowEventVersion": 1, "flowOmitsOrderId": False}
        await portal_stack.sandbox.set_switches({"salesforce": usual})
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id) == []
    shown = await operator.get(f"{LETTERS}/{letter['id']}")
    assert (shown["deadLetter"]["state"], shown["attempts"]) == ("buried", [])
    assert '"version"' in shown["payload"]


async def test_a_dead_letter_is_tried_again_and_closed_and_all_of_it_is_kept(
    shopper, portal_stack: PortalStack, operator
) -> None:
    order_id = await shopper.order_vpn()
    await portal_stack.sandbox.publish_events(orderId=order_id, version=77)
    letter = await buried(operator, "version 77")
    number = str(letter["id"])
    by_hand = await operator.command_line("dead-letters", "list", "orders")
    assert (by_hand.exit_code, "version 77" in by_hand.output) == (0, True), by_hand.errors

    async def now() -> tuple[str, int]:
        shown = await operator.get(f"{LETTERS}/{number}")
        return shown["deadLetter"]["state"], len(shown["attempts"])

    planned = await operator.order(f"{LETTERS}/{number}/replay")
    assert (planned["carriedOut"], await now()) == (False, ("buried", 0))
    again = await operator.order(f"{LETTERS}/{number}/replay", do=True)
    assert any("failed again" in change for change in again["changes"])  # nobody can read it now either
    assert await now() == ("buried", 1)
    assert not (await operator.order(f"{LETTERS}/{number}/discard"))["carriedOut"]
    run = await operator.command_line("dead-letters", "discard", "orders", number, "--reason", "of a drill", "--do")
    assert (run.exit_code, "Done:" in run.output) == (0, True), run.errors
    assert await now() == ("discarded", 1)
    assert letter["id"] not in [one["id"] for one in (await operator.get(LETTERS))["deadLetters"]]
    actions = (await operator.get("/operator/orders/actions", target=number))["actions"]
    told = [(one["action"].split(".")[2], one["carriedOut"]) for one in reversed(actions)]
    assert told == [("replay", False), ("replay", True), ("discard", False), ("discard", True)]
