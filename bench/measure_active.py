"""From "Approved" in Salesforce to "completed" in the portal, with vendors of different speed."""

import asyncio
import statistics
import time
from typing import Any, Final

import httpx
from our_stack import customer_of

from portal_local.demo.comparing import Systems
from portal_local.demo.journey import Person
from portal_local.stack import LocalStack

VENDOR_MILLISECONDS: Final = (0, 100, 500)
VENDORS: Final = ("salesforce", "whmcs", "freebit")
LOOK_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 120.0
CARTS: Final = {
    "internet": [{"reference": "internet", "sku": "INT-HOME-1G"}],
    "esim": [
        {"reference": "sim", "sku": "SIM-VOICE-ESIM-20G"},
        {"reference": "sim-fee", "sku": "SIM-ACTIVATION", "parent": "sim"},
    ],
    "vpn": [
        {"reference": "vpn", "sku": "VPN-US"},
        {"reference": "vpn-fee", "sku": "VPN-ACTIVATION", "parent": "vpn"},
    ],
}
Row = dict[str, Any]


async def measure_active(stack: LocalStack, *, times: int) -> list[Row]:
    """Order each kind of service `times` times at each speed of the vendors; give the medians."""
    rows: list[Row] = []
    async with httpx.AsyncClient(base_url=stack.sandbox_urls["control"], timeout=30) as control:
        for milliseconds in VENDOR_MILLISECONDS:
            found: dict[str, list[dict[str, float]]] = {}
            for _ in range(times):
                for kind, timing in (await _one_customer(stack, control, milliseconds)).items():
                    found.setdefault(kind, []).append(timing)
            for kind, timings in found.items():
                row: Row = {"service": kind, "vendorMilliseconds": milliseconds, "times": len(timings)}
                row |= {name: statistics.median(one[name] for one in timings) for name in timings[0]}
                rows.append(row)
                print(
                    f"  vendors at {milliseconds:3} ms  {kind:9} checkout {row['checkoutSeconds']:.2f} s"
                    f"  approved → active {row['activeSeconds']:.2f} s",
                    flush=True,
                )
    return rows


async def _one_customer(
    stack: LocalStack, control: httpx.AsyncClient, milliseconds: int
) -> dict[str, dict[str, float]]:
    """Sign one customer up with a card, then order and approve one service after the other."""
    async with customer_of(stack) as (journey, systems):
        person = await journey.set_up_account()
        await journey.sign_up(person)
        await journey.add_card()
        await slow_down(control, milliseconds)
        try:
            return {kind: await _order(systems, person, kind) for kind in CARTS}
        finally:
            await slow_down(control, 0)


async def slow_down(control: httpx.AsyncClient, milliseconds: int) -> None:
    """Have every vendor take so long for every call."""
    (await control.delete("/faults")).raise_for_status()
    for vendor in VENDORS if milliseconds else ():
        slow = {"kind": "slow", "params": {"seconds": milliseconds / 1000}}
        fault = {"vendor": vendor, "call": "*", "times": None, **slow}
        (await control.post("/faults", json=fault)).raise_for_status()


async def _order(systems: Systems, person: Person, kind: str) -> dict[str, float]:
    """Time the checkout, and from staff's approval until the portal says that the order is completed."""
    lines = [line | ({"eid": person.eid} if line["reference"] == "sim" else {}) for line in CARTS[kind]]
    began = time.monotonic()
    checkout = await systems.customer.post("/orders", {"addressConfirmed": True, "lines": lines})
    while checkout["state"] != "placed":
        _in_time(began)
        await asyncio.sleep(LOOK_SECONDS)
        checkout = await systems.customer.get(f"/checkouts/{checkout['checkoutId']}")
    placed = time.monotonic()
    order_id = checkout["orders"][0]["orderId"]
    await systems.salesforce.change("Order", order_id, {"Status": "Approved"})
    approved = time.monotonic()
    while (await systems.customer.get(f"/orders/{order_id}"))["state"] != "completed":
        _in_time(approved)
        await asyncio.sleep(LOOK_SECONDS)
    return {"checkoutSeconds": placed - began, "activeSeconds": time.monotonic() - approved}


def _in_time(began: float) -> None:
    if time.monotonic() - began > PATIENCE_SECONDS:
        raise TimeoutError(f"an order was not active after {PATIENCE_SECONDS:.0f} s; see the logs of the stack")
