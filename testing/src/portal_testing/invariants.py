"""What must be true of the sandbox's ledger whatever happened (reference reliability.md (b) §4)."""

from typing import Final

from portal_testing.stack import PortalStack

MOST_CREATED: Final = 2


async def effects(stack: PortalStack, kind: str, key: str) -> int:
    """Count effects of a kind whose business key begins so: WHMCS markers are `<order id>#<line>`."""
    return sum(entry["key"].startswith(key) for entry in await stack.sandbox.ledger(kind=kind))


async def broken_invariants(stack: PortalStack, order_id: str, eid: str | None = None) -> list[str]:
    """Name what does not hold: one accepted WHMCS order (I1, I2), others cancelled, one SIM activation (I3)."""
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
    return [rule for rule, holds in rules.items() if not holds]
