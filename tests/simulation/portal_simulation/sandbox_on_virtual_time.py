"""The sandbox in this process on virtual time: one for all schedules, put back to the first day before each.

Its customers are those of the dataset that have no portal user, with a WHMCS client and a card of their own made once
through WHMCS's API; later schedules start from a copy of that state, which takes less than a millisecond.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_sandbox.core.dataset import Account
from portal_sandbox.salesforce.ids import STAFF_USER_ID
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.seed import account_id
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.salesforce.transaction import Transaction
from portal_sandbox.server import Sandbox, build_sandbox
from portal_sandbox.settings import Settings
from portal_sandbox.whmcs.calls import Call, Whmcs
from portal_sandbox.whmcs.order_states import accept_order
from portal_sandbox.whmcs.pay_methods import add_card
from portal_sandbox.whmcs.php_forms import Params
from portal_simulation.virtual_time import VirtualTime, VirtualTimeLoop

SALESFORCE: Final = "https://salesforce.sandbox.invalid"
SWITCHES: Final = {"salesforce": {"changeEntities": "Order,OrderItem"}}
"""The other objects' events would only be decoded and dropped: nobody here listens for them."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who signed up."""

    number: str
    account_id: str
    whmcs_client_id: int
    name: str


_ORDERS: Final = """
SELECT o.id, o.status, o.amount, o.invoice_id, group_concat(s.id) AS services, group_concat(s.status) AS states
FROM whmcs_order o JOIN whmcs_service s ON s.order_id = o.id
WHERE EXISTS (SELECT 1 FROM whmcs_service m JOIN whmcs_custom_value v ON v.relid = m.id
              JOIN whmcs_custom_field f ON f.id = v.field_id AND f.type = 'product' AND f.name = 'SF Order Id'
              WHERE m.order_id = o.id AND v.value LIKE ? || '#%')
GROUP BY o.id ORDER BY o.id
"""
_BILLED: Final = "SELECT coalesce(sum(amount), 0) FROM whmcs_invoice_item WHERE invoice_id = ?"


@dataclass(frozen=True, slots=True)
class WhmcsOrder:
    """An order in WHMCS; amounts in yen."""

    id: int
    status: str
    amount: int
    billed: int
    services: tuple[int, ...]
    states: tuple[str, ...]


class SandboxOnVirtualTime:
    """All vendors, staff's hands in them, and the ledger."""

    def __init__(self, directory: Path, time: VirtualTime) -> None:
        """Files that only name things (a key pair) lie in `directory`."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = directory / "salesforce.pem"
        public.write_bytes(
            self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        settings = Settings(
            data_dir=directory, in_memory=True, salesforce_public_key_path=public, switches=dict(SWITCHES)
        )
        self._sandbox: Sandbox = build_sandbox(settings, real_now=time.now)
        self.core = self._sandbox.core
        self.core.addresses["salesforce_tls"] = SALESFORCE
        self.settings = settings
        self.org: Org = org_of(self.core)
        self._pristine = sqlite3.connect(":memory:")
        self.customers: tuple[Customer, ...] = ()

    @property
    def private_key(self) -> bytes:
        """The key the portal logs in to Salesforce with, PEM."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def app(self, vendor: str) -> Any:
        """The application of a vendor."""
        return self._sandbox.app(vendor)

    async def set_up_customers(self) -> None:
        """Make a WHMCS client with a card for everybody who is ready to sign up, and keep the state as the first."""
        ready = [account for account in self.core.dataset.accounts if account.group == "ready"]
        transport = httpx.ASGITransport(app=self.app("whmcs"))
        async with httpx.AsyncClient(transport=transport, base_url="http://whmcs.sandbox.invalid") as client:
            self.customers = tuple([await self._set_up(client, account) for account in ready])
        self._store().backup(self._pristine)

    async def _set_up(self, client: httpx.AsyncClient, account: Account) -> Customer:
        form = {
            "action": "AddClient",
            "identifier": self.settings.whmcs_identifier,
            "secret": self.settings.whmcs_secret,
            "responsetype": "json",
            "firstname": account.first_name,
            "lastname": account.last_name,
            "email": account.email,
            "address1": account.address.address1,
            "city": account.address.city,
            "state": account.address.state,
            "postcode": account.address.postcode,
            "country": "JP",
            "phonenumber": account.phone,
            "password2": "simulation-only-passphrase",
            "noemail": "1",
        }
        answer = (await client.post("/includes/api.php", data=form)).json()
        if answer.get("result") != "success":
            raise RuntimeError(f"WHMCS made no client: {answer}")
        number = int(answer["clientid"])
        self.add_card(number)
        return Customer(account.number, account_id(account.number), number, account.name)

    def begin(self) -> None:
        """Put everything back to the first day."""
        self._pristine.backup(self._store())
        self.core.faults.disarm()
        self.core.faults.forget_counts()
        self.core.switches._back_to_start()
        self.core.clock._moved(0, self.core.clock.version() + 1)

    async def end(self) -> None:
        """End what still runs on the schedule's loop."""
        await self.core.cancel_background()

    # what people do

    async def as_staff(self, work: Any) -> Any:
        """Run a unit of work in Salesforce as a member of staff."""
        return await self.org.execute(self.org.caller(STAFF_USER_ID), work)

    async def change_order(self, order_id: str, values: Mapping[str, Any]) -> None:
        """Change an order as staff do."""

        def work(transaction: Transaction) -> None:
            transaction.update(transaction.schema.objects["Order"], order_id, dict(values))

        await self.as_staff(work)

    def order(self, order_id: str) -> dict[str, Any]:
        """Read an order's fields."""
        return self._record("Order", order_id)

    def opportunity(self, opportunity_id: str) -> dict[str, Any]:
        """Read an opportunity's fields."""
        return self._record("Opportunity", opportunity_id)

    def _record(self, entity: str, record_id: str) -> dict[str, Any]:
        with self.org.reading() as transaction:
            found = transaction.find(entity, record_id)
        if found is None:
            raise LookupError(f"no {entity} {record_id}")
        return dict(found)

    def add_card(self, client_id: int) -> None:
        """Let a client store a card."""
        with self.core.store.transaction() as db:
            call = Call(Whmcs(self.core, lambda *_: None), db, Params({}), "client", "")
            add_card(call, client_id, "4242", brand="Visa", expiry="12/40")

    def remove_cards(self, client_id: int) -> None:
        """Let a client's cards be gone."""
        with self.core.store.transaction() as db:
            db.execute("DELETE FROM whmcs_pay_method WHERE client_id = ?", (client_id,))

    async def accept_by_hand(self, order_id: str) -> bool:
        """Accept the order's Pending WHMCS order as staff do there; False when there is none."""
        pending = [order for order in self.whmcs_orders(order_id) if order.status == "Pending"]
        if not pending:
            return False
        with self.core.store.transaction() as db:
            whmcs = Whmcs(self.core, lambda *_: None)
            accept_order(Call(whmcs, db, Params({"orderid": str(pending[0].id), "autosetup": "1"}), "admin", ""))
        return True

    def whmcs_orders(self, order_id: str) -> list[WhmcsOrder]:
        """Read the WHMCS orders that carry the marker of a Salesforce order."""
        with self.core.store.transaction() as db:
            return [
                WhmcsOrder(
                    id=row["id"],
                    status=row["status"],
                    amount=row["amount"] // 100,
                    billed=db.execute(_BILLED, (row["invoice_id"],)).fetchone()[0] // 100,
                    services=tuple(int(one) for one in row["services"].split(",")),
                    states=tuple(row["states"].split(",")),
                )
                for row in db.execute(_ORDERS, (order_id,)).fetchall()
            ]

    def _store(self) -> sqlite3.Connection:
        return self.core.store._connection


def build(directory: Path, time: VirtualTime) -> SandboxOnVirtualTime:
    """Build the sandbox and its customers."""
    loop = VirtualTimeLoop()
    time.follow(loop)
    sandbox = SandboxOnVirtualTime(directory, time)
    try:
        loop.run_until_complete(sandbox.set_up_customers())
    finally:
        loop.close()
    asyncio.set_event_loop(None)
    return sandbox
