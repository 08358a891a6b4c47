"""Members for whom an operation can go well: with a card, an approved order, a dead letter or what else it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from portal_local.demo.customer import Customer, eventually
from portal_local.demo.journey import CARD, PASSWORD
from portal_local.demo.vendors import SalesforceStaff
from portal_security.crowd import Crowd, Member
from portal_testing.operators import OperatorAtWork
from portal_testing.stack import PortalStack

LETTERS: Final = "/operator/orders/dead-letters"
_VPN: Final = {"reference": "vpn", "sku": "VPN-US"}
_FEE: Final = {"reference": "fee", "sku": "VPN-ACTIVATION", "parent": "vpn"}
_FILLED_IN: Final[Mapping[str, Mapping[str, Any]]] = {
    "POST /orders": {"addressConfirmed": True, "lines": [_VPN, _FEE]},
    "PUT /carts/{cartId}": {"lines": [_VPN]},
    "POST /subscriptions/{serviceId}/plan-change": {"sku": "VPN-UK"},
    "POST /subscriptions/{serviceId}/voice-options": {"options": {"voiceMail": True}},
}
_PAID: Final = ("POST /orders", "GET /checkouts/{checkoutId}", "POST /subscriptions/{serviceId}/topup")
_CHECKED: Final = {"Internet_Eligibility_Status__c": "Checked", "Internet_Eligibility__c": "Not Eligible"}
_BLOCKED: Final = "/operator/provisioning/{orderId}"
_WHMCS_ORDERS: Final = "/operator/whmcs-orders/"
_LETTER: Final = "/operator/{service}/dead-letters/{id}"


def on_a_line(name: str) -> bool:
    """Whether an operation asks Freebit about the member's line."""
    return name.startswith(("GET /subscriptions/{serviceId}/usage", "POST /subscriptions/{serviceId}/")) and (
        name.rpartition("/")[2] in {"usage", "topup", "voice-options", "network", "reissue-esim"}
    )


def prepared(name: str) -> bool:
    """Whether the member of an operation is made ready for it, and so for it alone."""
    return name in _PAID or any(part in name for part in (_BLOCKED, _WHMCS_ORDERS, _LETTER))


@dataclass
class ReadyMembers:
    """Prepares the member of an operation. `bodies` has what the operation is then sent instead of its example."""

    stack: PortalStack
    staff: SalesforceStaff
    operator: OperatorAtWork
    bodies: dict[str, dict[str, Any]] = field(default_factory=lambda: {k: dict(v) for k, v in _FILLED_IN.items()})

    @classmethod
    async def on(cls, stack: PortalStack, crowd: Crowd) -> "ReadyMembers":
        """Begin on a stack; staff of Salesforce are logged in."""
        await crowd.staff.log_in()
        return cls(stack, crowd.staff, stack.operator)

    async def prepare(self, members: Mapping[str, Member]) -> None:
        """Give each operation's member what it needs."""
        for name in _PAID:
            await self._with_a_card(members[name], checkout=name.startswith("GET"))
        await self._cancellable(members["POST /subscriptions/{serviceId}/cancellation"])
        await self.staff.change("Account", members["POST /eligibility/dispute"].account_id, _CHECKED)
        blocked = {name: one for name, one in members.items() if _BLOCKED in name or _WHMCS_ORDERS in name}
        for one in blocked.values():
            await self.staff.change("Order", one.ids["orderId"], {"Status": "Approved"})
        letters = [one for name, one in members.items() if _LETTER in name]
        for one in letters:
            await self._dead_letter(one)
        for name, one in blocked.items():
            if _BLOCKED in name:
                await self._stands(one)

    async def _with_a_card(self, member: Member, *, checkout: bool) -> None:
        async with Customer(self.stack.gateway_url, self.stack.sandbox_urls["sendgrid"]) as customer:
            await customer.post("/auth/login", {"email": member.email, "password": PASSWORD})
            await customer.submit(await customer.open_single_sign_on("add_payment_method"), CARD)
            if checkout:
                member.ids["checkoutId"] = (await customer.post("/orders", _FILLED_IN["POST /orders"]))["checkoutId"]

    async def _cancellable(self, member: Member) -> None:
        async with httpx.AsyncClient(base_url=self.stack.gateway_url, timeout=30) as http:
            path = f"/subscriptions/{member.ids['serviceId']}/cancellation/preview"
            preview = (await http.get(path, headers=member.bearer)).raise_for_status().json()
        self.bodies["POST /subscriptions/{serviceId}/cancellation"] = {"endsOn": preview["endsOn"]}

    async def _dead_letter(self, member: Member) -> None:
        """Have an event about the member's order come that nobody can read."""
        before = {one["id"] for one in (await self.operator.get(LETTERS))["deadLetters"]}
        await self.stack.sandbox.publish_events(orderId=member.ids["orderId"], version=77)

        async def buried() -> int | None:
            found = {one["id"] for one in (await self.operator.get(LETTERS))["deadLetters"]} - before
            return min(found) if found else None

        member.ids |= {"service": "orders", "id": await eventually(buried, "a dead letter")}

    async def _stands(self, member: Member) -> None:
        """Wait until the approved order, whose customer has no card, is with fulfillment."""

        async def known() -> bool:
            found = await self.operator.get("/operator/provisioning", limit=100)
            return any(one["orderId"] == member.ids["orderId"] for one in found["processes"])

        await eventually(known, "an order to be provisioned")
