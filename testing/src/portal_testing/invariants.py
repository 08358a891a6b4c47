"""What must be true of the sandbox's ledger whatever happened (reference reliability.md (b) §4)."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from portal_testing.stack import PortalStack

MOST_CREATED: Final = 2
STATUS_RANK: Final = {"Draft": 0, "Pending Review": 1, "Approved": 2, "Activated": 3, "Completed": 3}
"""The last in the wording of either dialect: an org has one of the two."""
ACTIVE: Final = frozenset({"Provisioned", "Activated"})


async def effects(stack: PortalStack, kind: str, key: str) -> int:
    """Count effects of a kind whose business key begins so: WHMCS markers are `<order id>#<line>`."""
    return len(await _entries(stack, kind, key))


async def _entries(stack: PortalStack, kind: str, key: str) -> list[dict[str, Any]]:
    return [entry for entry in await stack.sandbox.ledger(kind=kind) if str(entry["key"]).startswith(key)]


async def broken_invariants(
    stack: PortalStack, order_id: str, eid: str | None = None, *, card_line: str | None = None
) -> list[str]:
    """Name what does not hold of an active order: I1, I2, I3, I9.

    `eid` where its service is an eSIM, `card_line` the phone number where it is a SIM card.
    """
    created = await effects(stack, "whmcs.order.created", order_id)
    cancelled = await effects(stack, "whmcs.order.cancelled", order_id)
    accepted = await effects(stack, "whmcs.order.accepted", order_id)
    rules = {
        f"accepted WHMCS orders: {accepted}, must be 1": accepted == 1,
        f"created {created}, cancelled {cancelled}: one must be left": created - cancelled == 1,
        f"created WHMCS orders: {created}, at most {MOST_CREATED}": created <= MOST_CREATED,
    }
    if eid is not None:
        activated = await effects(stack, "freebit.esim.activated", eid)
        rules[f"SIM activations: {activated}, must be 1"] = activated == 1
    if card_line is not None:
        activated = await effects(stack, "freebit.line.activated", card_line)
        rules[f"card activations: {activated}, must be 1"] = activated == 1
    return [*_broken(rules), *await broken_history(stack, order_id)]


async def extra_orders(stack: PortalStack, order_id: str) -> int:
    """Count WHMCS orders beside the one; each must be cancelled within five minutes (I1)."""
    created = await effects(stack, "whmcs.order.created", order_id)
    return max(created - await effects(stack, "whmcs.order.cancelled", order_id) - 1, 0)


async def broken_limits(stack: PortalStack, order_id: str, eid: str | None = None) -> list[str]:
    """Name what does not hold of an order that waits for somebody: never two of anything, nothing after a no."""
    created = await effects(stack, "whmcs.order.created", order_id)
    accepted = await effects(stack, "whmcs.order.accepted", order_id)
    rules = {
        f"accepted WHMCS orders: {accepted}, at most 1": accepted <= 1,
        f"created WHMCS orders: {created}, at most {MOST_CREATED}": created <= MOST_CREATED,
    }
    if eid is not None:
        activated = await effects(stack, "freebit.esim.activated", eid)
        rules[f"SIM activations: {activated}, at most 1"] = activated <= 1
    return [*_broken(rules), *await broken_history(stack, order_id)]


async def broken_silence(stack: PortalStack, order_id: str, eid: str | None = None) -> list[str]:
    """Name the effects of an order that staff did not approve: there must be none (I7)."""
    kinds = {"whmcs.order.created": order_id} | ({"freebit.esim.requested": eid} if eid is not None else {})
    return [f"{kind} without an approval" for kind, key in kinds.items() if await effects(stack, kind, key)]


async def broken_history(stack: PortalStack, order_id: str) -> list[str]:
    """Name the steps backwards of an order's status, and whatever follows its activation (I9)."""
    broken: list[str] = []
    status, activation = "Draft", ""
    for entry in await _entries(stack, "salesforce.order.updated", order_id):
        after = str(entry["detail"].get("Status", status))
        if STATUS_RANK[after] < STATUS_RANK[status]:
            broken.append(f"status went from {status} back to {after}")
        status = after
        shown = str(entry["detail"].get("Activation_Status__c", activation))
        if activation in ACTIVE and shown not in ACTIVE:
            broken.append(f"activation went from {activation} back to {shown}")
        activation = shown
    return broken


async def broken_mails(stack: PortalStack, order_ids: Iterable[str], *, every: bool) -> list[str]:
    """Name mails sent twice for an order and template (I5); with `every`, also those of active orders not sent."""
    sent = Counter(str(entry["key"]) for entry in await stack.sandbox.ledger(kind="sendgrid.mail.accepted"))
    broken: list[str] = []
    for order_id in order_ids:
        keys = [key for key in sent if order_id in key]
        broken += [f"mail {key} was sent {sent[key]} times" for key in keys if sent[key] > 1]
        broken += [
            f"no mail {template} for {order_id}"
            for template in ("order_received", "order_activated")
            if every and not any(template in key for key in keys)
        ]
    return broken


def _broken(rules: dict[str, bool]) -> list[str]:
    return [rule for rule, holds in rules.items() if not holds]
