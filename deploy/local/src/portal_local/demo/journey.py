"""The main job, step by step (architecture §6): sign up, be refused without a card, order, approve, be billed, pay."""

import itertools
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from portal_local.demo.comparing import OrderFacts, Systems, read_back
from portal_local.demo.customer import Customer, DemoFailed, Problem, eventually

PASSWORD: Final = "demo-only-long-passphrase"  # noqa: S105 - an obviously fake example
ADDRESS: Final = {
    "postcode": "150-0001",
    "prefecture": "東京都",
    "city": "渋谷区",
    "street": "神宮前1-2-3",
    "building": "見本ビル 401",
}
CARD: Final = {"cardnumber": "4242424242424242", "expiry": "12/40", "cvv": "123", "description": "Demo card"}
CONFLICT: Final = 409
ORDERS: Final = 3


@dataclass(slots=True)
class Person:
    """Who signs up this time: new in every run, so the demo can be run again."""

    customer_number: str
    email: str
    eid: str


@dataclass(slots=True)
class Journey:
    """Plays the main job. `progress(text, seconds)` is called after each step."""

    systems: Systems
    progress: Callable[[str, float], None]
    starting: Callable[[str], None]
    orders: list[OrderFacts] = field(default_factory=list)
    trace_id: str = ""

    async def play(self) -> list[str]:
        """Run all steps and give the disagreements found; raises DemoFailed or Problem where a step fails."""
        person = await self.set_up_account()
        await self.sign_up(person)
        await self.be_refused_without_card(person)
        await self.add_card()
        await self.order(person)
        await self.approve()
        await self.wait_until_active()
        await self.compare()
        await self.pay()
        await self.check_mails(person)
        return [line for order in self.orders for line in order.disagreements]

    @property
    def _customer(self) -> Customer:
        return self.systems.customer

    @asynccontextmanager
    async def _step(self, text: str) -> AsyncIterator[None]:
        self.starting(text)
        began = monotonic()
        yield
        self.progress(text, monotonic() - began)

    async def set_up_account(self) -> Person:
        """Have Sales make an account with a contact, as before every real sign-up (R033)."""
        async with self._step("Sales sets up an account with a Customer Number in Salesforce"):
            await self.systems.salesforce.log_in()
            number = f"SNX-{secrets.randbelow(900_000) + 100_000}"
            person = Person(number, f"demo-{number.lower()}@example.jp", new_eid())
            account_id = await self.systems.salesforce.create(
                "Account",
                {
                    "Name": "見本 花子",
                    "SF_Account_No__c": number,
                    "Internet_Eligibility__c": "Home 1G",
                    "Internet_Eligibility_Status__c": "Checked",
                    "BillingPostalCode": ADDRESS["postcode"],
                },
            )
            await self.systems.salesforce.create(
                "Contact",
                {"AccountId": account_id, "LastName": "見本", "FirstName": "花子", "Email": person.email},
            )
        return person

    async def sign_up(self, person: Person, **more: Any) -> None:
        """Send the form, with `more` fields if any, use the mailed link, log in."""
        async with self._step(f"Sign up as {person.customer_number}"):
            await self._customer.post(
                "/auth/signup",
                {
                    "email": person.email,
                    "confirmEmail": person.email,
                    "password": PASSWORD,
                    "confirmPassword": PASSWORD,
                    "customerNumber": person.customer_number,
                    "name": {"familyName": "見本", "givenName": "花子"},
                    "address": ADDRESS,
                    "locale": "ja",
                    **more,
                },
            )
        async with self._step("Open the mailed link, give the password again: WHMCS client, user and link are made"):
            token = await self._customer.mailed_token(person.email)

            async def confirm() -> bool:
                proof = {"token": token, "password": PASSWORD}
                return bool((await self._customer.post("/auth/signup/confirm", proof))["state"] == "done")

            await eventually(confirm, "the sign-up to finish")
        async with self._step("Log in"):
            await self._customer.post("/auth/login", {"email": person.email, "password": PASSWORD})
            me = await self._customer.get("/me")
            if me["customerNumber"] != person.customer_number:
                raise DemoFailed("the portal knows another customer")

    def full_cart(self, person: Person) -> dict[str, Any]:
        """Three services with what belongs to them."""
        return {
            "addressConfirmed": True,
            "lines": [
                {"reference": "sim", "sku": "SIM-VOICE-ESIM-20G", "eid": person.eid},
                {"reference": "sim-fee", "sku": "SIM-ACTIVATION", "parent": "sim"},
                {"reference": "voicemail", "sku": "SIM-VOICEMAIL", "parent": "sim"},
                {"reference": "internet", "sku": "INT-HOME-1G"},
                {"reference": "vpn", "sku": "VPN-US"},
                {"reference": "vpn-fee", "sku": "VPN-ACTIVATION", "parent": "vpn"},
            ],
        }

    async def be_refused_without_card(self, person: Person) -> None:
        """Order too early (R061, R064)."""
        async with self._step("Try to order without a payment method: refused, with the way to fix it"):
            try:
                await self._customer.post("/orders", self.full_cart(person))
            except Problem as problem:
                if (problem.status, problem.code) != (CONFLICT, "PAYMENT_METHOD_MISSING"):
                    raise
            else:
                raise DemoFailed("the portal took an order without a payment method")

    async def add_card(self) -> None:
        """Add a card on WHMCS's page (R062, R065)."""
        async with self._step("Follow a single-use link into WHMCS and add a card there"):
            page = await self._customer.open_single_sign_on("add_payment_method")
            await self._customer.submit(page, CARD)
            summary = await self._customer.get("/billing/payment-methods/summary?fresh=true")
            if not summary["hasPaymentMethod"]:
                raise DemoFailed("the portal does not see the new card")

    async def remove_card(self) -> None:
        """Delete the card on WHMCS's page."""
        async with self._step("Follow a single-use link into WHMCS and delete the card there"):
            page = await self._customer.open_single_sign_on("payment_methods")
            await self._customer.submit(page, {}, action="/account/paymentmethods/delete/")

    async def order(self, person: Person, cart: dict[str, Any] | None = None) -> None:
        """Browse and order a cart, by default the full one."""
        cart = cart or self.full_cart(person)
        async with self._step("Browse the catalog"):
            catalog = await self._customer.get("/catalog")
            on_sale = {product["sku"] for group in catalog["groups"] for product in group["products"]}
            missing = {line["sku"] for line in cart["lines"]} - on_sale
            if missing:
                raise DemoFailed(f"not in the catalog: {', '.join(sorted(missing))}")
        async with self._step("Order one cart: an eSIM with its fee and voicemail, Home Internet, a VPN"):
            checkout = await self._customer.post("/orders", cart)
            self.trace_id = self._customer.trace_ids[-1]
            path = f"/checkouts/{checkout['checkoutId']}"

            async def placed() -> Any:
                found = await self._customer.get(path)
                return found if found["state"] == "placed" else None

            checkout = checkout if checkout["state"] == "placed" else await eventually(placed, "the checkout")
            services = [line for line in cart["lines"] if "parent" not in line]
            self.orders = [
                OrderFacts(order["orderId"], order["orderNumber"], order["opportunityId"], order["category"])
                for order in checkout["orders"]
            ]
            for facts, line in zip(self.orders, services, strict=False):  # orders stand as their services in the cart
                facts.eid = str(line.get("eid", ""))
            if len(self.orders) != len(services) or len({one.opportunity_id for one in self.orders}) != len(services):
                raise DemoFailed("each service must make an order with an opportunity of its own")
            for order in self.orders:
                record = await self.systems.salesforce.read("Order", order.order_id)
                order.agree("status after checkout", record["Status"], "Pending Review")

    async def approve(self) -> None:
        """Approve every order, as staff do (R128)."""
        async with self._step("Staff approve the three orders in Salesforce; the Flow publishes its event"):
            for order in self.orders:
                await self.systems.salesforce.change("Order", order.order_id, {"Status": "Approved"})

    async def wait_until_active(self) -> None:
        """Wait until the portal says that every order is active."""
        async with self._step("WHMCS order, eSIM, acceptance, write-back"):
            for order in self.orders:
                path = f"/orders/{order.order_id}"

                async def completed(path: str = path) -> bool:
                    return bool((await self._customer.get(path))["state"] == "completed")

                await eventually(completed, f"order {order.order_number} to be active", patience=90.0)

    async def compare(self) -> None:
        """Read every fact back and note where two systems disagree."""
        async with self._step("Read every fact back from Salesforce, WHMCS, Freebit and the portal"):
            client_id = (await self._customer.get("/me"))["whmcsClientId"]
            for order in self.orders:
                await read_back(self.systems, order, client_id)
                entries = (await self._customer.get(f"/orders/{order.order_id}/timeline"))["entries"]
                order.stages = _stages(entries)

    async def pay(self) -> None:
        """Pay the first order's invoice (R071)."""
        order = self.orders[0]
        async with self._step(f"Pay invoice {order.invoice_id} through a single-use link"):
            page = await self._customer.open_single_sign_on("invoice", invoiceId=order.invoice_id)
            await self._customer.submit(page, {})

            async def paid() -> bool:
                invoice = await self._customer.get(f"/billing/invoices/{order.invoice_id}?fresh=true")
                return bool(invoice["state"] == "paid")

            await eventually(paid, "the portal to know of the payment")
            at_whmcs = await self.systems.whmcs.call("GetInvoice", invoiceid=order.invoice_id)
            order.agree("invoice after payment at WHMCS", at_whmcs["status"], "Paid")

    async def check_mails(self, person: Person) -> None:
        """See that every mail came once (R032, R260, R261)."""
        expected = 2 + 3 * ORDERS  # link, welcome; received, approved and active for each order
        async with self._step("The mails are in the mailbox: link, welcome, orders received, approved and active"):

            async def all_arrived() -> bool:
                return len(await self._customer.mails(person.email)) >= expected

            await eventually(all_arrived, f"{expected} mails")
            mails = await self._customer.mails(person.email)
            self.orders[0].agree("number of mails", len(mails), expected)


def _stages(entries: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Give each timeline entry's name with the seconds since the one before."""
    moments = [datetime.fromisoformat(entry["at"]).astimezone(UTC) for entry in entries]
    gaps = [0.0, *((after - before).total_seconds() for before, after in itertools.pairwise(moments))]
    return [(entry["kind"], gap) for entry, gap in zip(entries, gaps, strict=True)]


def new_eid() -> str:
    """Make a fresh, valid EID: the last two digits make the whole 1 modulo 97 (reference freebit.md 7)."""
    body = "8904903200" + "".join(str(secrets.randbelow(10)) for _ in range(20))
    return body + f"{98 - int(body + '00') % 97:02d}"
