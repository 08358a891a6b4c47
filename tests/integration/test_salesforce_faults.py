"""What a customer is answered while Salesforce cannot or will not, and that it happens once all the same (R255, C17).

Each trouble meets everything that needs Salesforce at the same time; afterwards the customer asks again with the same
keys, as a browser does.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from portal_local.demo.customer import DemoFailed, Problem, eventually
from portal_testing.invariants import broken_invariants
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

RESULT, STATUS = "Internet_Eligibility__c", "Internet_Eligibility_Status__c"
KEY, FOR_STAFF = "Portal_Case_Key__c", "staff-"
WANTED: Final = ("\u25b3Cancelling", "Pending", ["Cancellation Request", "Eligibility Check", "General Inquiry"])
WRITES: Final = ("composite*", "POST *", "PATCH *")
MISSING: Final = (
    "Account.Internet_Eligibility_Status__c",
    "Case.Portal_Case_Key__c",
    "Opportunity.StageName",
    "Order.Activation_Status__c",
    "Order.Portal_Order_Key__c",
    "Product2.Item_Class__c",
)
UNKNOWN: Final = (
    "Account.Internet_Eligibility_Status__c:lacks Pending",
    "Case.Type:lacks General Inquiry",
    "Case.Type:lacks Eligibility Check",
    "Opportunity.StageName:lacks \u25b3Cancelling",
    "Order.Activation_Status__c:lacks Provisioned",
    "Order.Activation_Status__c:lacks Activated",
    "Order.Status:lacks Pending Review",
)
TAKEN, LATER, OURS = (200, ""), (503, "SALESFORCE_UNAVAILABLE"), (500, "SALESFORCE_MISCONFIGURED")
NOT_NEEDED: Final = dict.fromkeys(("list orders", "read an order", "read the catalog"), TAKEN)
"""Are shown from the portal's own copies."""
CARRIED_OUT_LATER: Final = NOT_NEEDED | dict.fromkeys(("check out", "ask what is available"), TAKEN)


def said(status: int, code: str, message: str) -> Mapping[str, Any]:
    body = json.dumps([{"errorCode": code, "message": message, "fields": []}])
    return {"kind": "status", "params": {"status": status, "body": body}}


@dataclass(frozen=True)
class Trouble:
    """What Salesforce answers to which calls, or how its set-up is wrong; and what a customer is answered meanwhile."""

    expected: Mapping[str, tuple[int, str]]
    answer: Mapping[str, Any] | None = None
    calls: tuple[str, ...] = ("*",)
    mistakes: tuple[str, ...] = ()
    begun_anew: tuple[str, ...] = ()
    """Services that are started anew afterwards: they would come back by themselves, after minutes."""
    step_seconds: int = 60
    """Business time that passes at each look."""

    @asynccontextmanager
    async def met(self, stack: PortalStack) -> AsyncIterator[None]:
        """It lasts as long as the block does."""
        await stack.sandbox.set_switches({"salesforce": {"fieldMistakes": ",".join(self.mistakes)}})
        for call in self.calls if self.answer is not None else ():
            await stack.sandbox.arm_fault("salesforce", call, times=None, **self.answer)
        try:
            yield
        finally:
            await stack.sandbox.clear_faults()
            await stack.sandbox.set_switches({"salesforce": {"fieldMistakes": ""}})
        for name in self.begun_anew:
            await stack.restart(name)


A_WHILE: Final = 901
"""What our set-up keeps from going on is looked at again every fifteen minutes."""
AN_HOUR: Final = 3601
TROUBLES: Final = {
    "down": Trouble(
        CARRIED_OUT_LATER | {"open a case": LATER, "cancel": LATER},
        {"kind": "status", "params": {"status": 503, "body": "down"}},
    ),
    "its quota spent": Trouble(
        CARRIED_OUT_LATER | {"open a case": LATER, "cancel": LATER},
        {"kind": "quota"},
        begun_anew=("catalog", "changefeed", "identity", "orders", "support"),
        step_seconds=A_WHILE,
    ),
    "fields missing": Trouble(
        CARRIED_OUT_LATER | {"open a case": OURS, "cancel": OURS},
        mistakes=tuple(f"{field}:hidden" for field in MISSING),
        begun_anew=("orders",),
        step_seconds=A_WHILE,
    ),
    "picklist values unknown": Trouble(
        CARRIED_OUT_LATER | {"open a case": OURS, "cancel": TAKEN}, mistakes=UNKNOWN, step_seconds=A_WHILE
    ),
    "rows locked by others": Trouble(
        CARRIED_OUT_LATER | {"open a case": LATER, "cancel": TAKEN},
        said(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
        WRITES,
    ),
    "records locked by an approval": Trouble(
        CARRIED_OUT_LATER | {"open a case": LATER, "cancel": TAKEN},
        said(400, "ENTITY_IS_LOCKED", "the entity is locked for editing"),
        WRITES,
        step_seconds=AN_HOUR,
    ),
}


@dataclass
class Customer:
    """One with a running VPN, and an order that staff are about to approve."""

    shopper: Shopper
    stack: PortalStack
    account_id: str
    service_id: int
    opportunity_id: str
    waiting_id: str
    ends_on: str

    async def asks(self) -> Mapping[str, Any]:
        """Do everything at once; gives each answer, or the problem."""
        customer, key = self.shopper.customer, self.waiting_id
        vpn = {"reference": "vpn", "sku": "VPN-US"}
        cart = {"lines": [vpn, {"reference": "fee", "sku": "VPN-ACTIVATION", "parent": "vpn"}]}
        question = {"title": "つながらない", "description": "昨日から"}
        cancellation = f"/subscriptions/{self.service_id}/cancellation"
        asked = {
            "list orders": customer.get("/orders"),
            "read an order": customer.get(f"/orders/{self.waiting_id}"),
            "read the catalog": customer.get("/catalog"),
            "check out": customer.post("/orders", cart, key=f"{key}-checkout"),
            "ask what is available": customer.post("/eligibility", {"speed": "standard"}, key=f"{key}-check"),
            "open a case": customer.post("/support/cases", question, key=f"{key}-case"),
            "cancel": customer.post(cancellation, {"endsOn": self.ends_on}, key=f"{key}-cancel"),
        }
        answers = await asyncio.gather(*asked.values(), return_exceptions=True)
        return dict(zip(asked, answers, strict=True))

    async def is_approved(self) -> None:
        """Staff press the button on their page, which no fault of the API meets."""
        async with httpx.AsyncClient(base_url=self.stack.sandbox_urls["salesforce"]) as staff:
            answer = await staff.post(f"/staff/orders/{self.waiting_id}/approve")
        assert answer.is_redirect, answer.text

    async def gets_everything(self, step_seconds: int) -> None:
        """Ask again until all of it is answered, the checkout is placed and the approved order is active."""
        seen: dict[str, Any] = {}

        async def look() -> bool:
            await self.stack.sandbox.advance_clock(step_seconds)
            answers = await self.asks()
            seen.clear()
            seen.update((asked, outcome(answer)) for asked, answer in answers.items())
            if set(seen.values()) != {TAKEN}:
                return False
            seen["states"] = answers["check out"]["state"], answers["read an order"]["state"]
            seen["in Salesforce"] = await self.stands_in_salesforce()
            return seen["states"] == ("placed", "completed") and seen["in Salesforce"] == WANTED

        try:
            await eventually(look, "everything asked for")
        except DemoFailed as error:
            error.add_note(f"last seen: {seen}")
            raise

    async def stands_in_salesforce(self) -> tuple[str, str, list[str]]:
        """What staff have: the service's stage, how the address is looked at, the types of the customer's own cases.

        Others are opened for staff by the clock, when a review or an end of service is overdue.
        """
        staff = self.shopper.salesforce
        stage = (await staff.read("Opportunity", self.opportunity_id))["StageName"]
        status = (await staff.read("Account", self.account_id))[STATUS]
        cases = await staff.query(f"SELECT Type, {KEY} FROM Case WHERE AccountId = '{self.account_id}'")
        return stage, status, sorted(one["Type"] for one in cases if not one[KEY].startswith(FOR_STAFF))


def outcome(answer: Any) -> tuple[int, str]:
    """HTTP status and code, all that was taken as one."""
    if isinstance(answer, Problem):
        assert answer.status != LATER[0] or answer.retry_after > 0
        return answer.status, answer.code
    if isinstance(answer, BaseException):
        raise answer
    return TAKEN


async def with_a_service(shopper: Shopper, stack: PortalStack) -> Customer:
    active = await shopper.order_vpn()
    await shopper.journey.approve()
    assert await shopper.finish() == []
    service_id = (await shopper.read(active))["serviceId"]
    preview = await shopper.customer.get(f"/subscriptions/{service_id}/cancellation/preview")
    order = await shopper.salesforce.read("Order", active)
    account_id, opportunity_id = order["AccountId"], order["OpportunityId"]
    await shopper.salesforce.change("Account", account_id, {RESULT: None, STATUS: None})

    async def unasked() -> bool:
        return bool((await shopper.customer.get("/eligibility"))["state"] == "not_requested")

    await eventually(unasked, "the account without a result")
    waiting_id = await shopper.order_vpn("VPN-UK")
    await shopper.customer.get("/orders")  # those from before the portal are fetched once, the first time (R255)
    return Customer(shopper, stack, account_id, service_id, opportunity_id, waiting_id, preview["endsOn"])


@pytest.mark.parametrize("name", TROUBLES)
async def test_while_salesforce_has_trouble_each_request_has_its_answer_and_nothing_is_lost(
    shopper, portal_stack: PortalStack, name
) -> None:
    trouble, customer = TROUBLES[name], await with_a_service(shopper, portal_stack)
    async with trouble.met(portal_stack):
        await customer.is_approved()
        for _ in range(2):
            answers = await customer.asks()
            assert {asked: outcome(answer) for asked, answer in answers.items()} == trouble.expected
            assert answers["check out"]["state"] == "working"
            assert answers["ask what is available"]["state"] == "pending"
            assert answers["read an order"]["state"] in {"pending_review", "approved"}
    await customer.gets_everything(trouble.step_seconds)
    assert await customer.stands_in_salesforce() == WANTED
    orders = f"SELECT Id FROM Order WHERE AccountId = '{customer.account_id}'"
    assert len(await shopper.salesforce.query(orders)) == 3
    assert await broken_invariants(portal_stack, customer.waiting_id) == []
