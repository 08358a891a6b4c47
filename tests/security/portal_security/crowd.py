"""Many customers at once: written straight into the vendors and identity's tables, since 200 sign-ups take minutes.

Every text a vendor keeps of a customer holds a mark of that customer, so an answer tells whose records are in it.
"""

import asyncio
import base64
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx

from portal_identity.argon2_worker import Argon2Worker
from portal_local.demo.customer import Customer, eventually
from portal_local.demo.journey import PASSWORD
from portal_local.demo.sandbox_systems import sandbox_systems
from portal_local.demo.vendors import SalesforceStaff
from portal_testing.bulk_orders import BulkOrders
from portal_testing.stack import PortalStack

MARK: Final = re.compile(r"canary[0-9a-f]{12}")
_CUSTOMER_NUMBER_FIELD: Final = 198
_VPN_PRODUCT: Final = 301
_VENDOR_CALLS_AT_ONCE: Final = 8
_USER: Final = """
INSERT INTO portal_user (id, email, comparable_email, family_name, given_name, locale, password_hash)
VALUES ($1, $2, $2, $3, $3, 'ja', $4)
"""
_LINK: Final = (
    "INSERT INTO customer_link (user_id, account_id, whmcs_client_id, customer_number) VALUES ($1, $2, $3, $4)"
)
_SESSION: Final = """
INSERT INTO session (id, token_hash, csrf_token, user_id, expires_at, client_address, user_agent)
VALUES ($1, $2, $3, $4, $5, '192.0.2.1', $6)
"""
_PASSKEY: Final = """
INSERT INTO passkey (id, user_id, credential_id, public_key, sign_count, name) VALUES ($1, $2, $3, $3, 0, $4)
"""
_LINE: Final = """
INSERT INTO sim_line (account, order_id, account_id, whmcs_service_id, eid, iccid, product_number, plan_code, network,
                      voice, activated_at)
VALUES ($1, $2, $3, $4, '89049032000000000000000000000163', $5, $5, 'PASI_10G', '5G', true, now())
"""
_LINE_CHANGE: Final = """
INSERT INTO line_change (change_id, service_id, order_id, account_id, line, kind, request, fingerprint, state,
                         asked_at, ended_at)
VALUES ($1, $2, $3, $4, $5, 'top_up', $6, '', 'done', now(), now())
"""
_CANCELLATION: Final = """
INSERT INTO cancellation (cancellation_id, account_id, service_id, order_id, category, request, fingerprint, state,
                          initial, requested_at, ends_on, effective_at)
VALUES ($1, $2, $3, $4, 'vpn', $5, '', 'withdrawn', false, now(), current_date, now())
"""
_API_TOKEN: Final = """
INSERT INTO api_token (id, request_id, token_hash, user_id, name, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, '{billing:read}', $6)
"""


@dataclass(slots=True)
class Member:
    """One customer: the mark in every text, ids by the API's names of them, and a living session."""

    mark: str = field(default_factory=lambda: f"canary{secrets.token_hex(6)}")
    user_id: UUID = field(default_factory=uuid4)
    session_id: UUID = field(default_factory=uuid4)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    csrf_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    client_id: int = 0
    account_id: str = ""
    ids: dict[str, Any] = field(default_factory=dict)
    """An object of each kind by the parameter that names it."""
    numbers: dict[str, str] = field(default_factory=dict)
    """What its order and its case are called among people, by the API's names."""
    first_invoice_id: int = 0
    """The one that came with its service; another is in `ids`."""
    line: str = field(default_factory=lambda: f"070{secrets.randbelow(10**8):08}")
    """The number of its SIM line; Freebit knows it only when it was taken from there."""

    @property
    def email(self) -> str:
        return f"{self.mark}@example.jp"

    @property
    def price(self) -> int:
        """What its service costs, in yen: nobody else's does, nor do sums with other amounts come to that."""
        return self.client_id * 1000

    @property
    def bearer(self) -> dict[str, str]:
        """What a program of this customer sends."""
        return {"Authorization": f"Bearer {self.token}"}


class Crowd:
    """Makes members on one stack."""

    def __init__(self, stack: PortalStack, client: httpx.AsyncClient) -> None:
        self._stack = stack
        self._client = client
        customer = Customer(stack.gateway_url, stack.sandbox_urls["sendgrid"])
        self._systems = sandbox_systems(stack.sandbox_urls, stack.keys, customer, client)
        self._turns = asyncio.Semaphore(_VENDOR_CALLS_AT_ONCE)

    @property
    def staff(self) -> SalesforceStaff:
        """A member of staff in Salesforce."""
        return self._systems.salesforce

    async def grow(self, count: int, *, in_service: int = 0, esim: bool = False) -> list[Member]:
        """Make so many members, each with a case and its file, an order, a service with a line, and an invoice.

        Freebit knows the lines of the first `in_service`: it has ten of them, four on an eSIM, for all the tests of a
        run. Who needs no eSIM gets a card as long as there are any.
        """
        members = [Member() for _ in range(count)]
        lines = await self._lines_of_freebit(esim=esim) if in_service else []
        assert len(lines) >= in_service, "no line of the sandbox is left: have fewer members with one"
        for member, line in zip(members[:in_service], lines, strict=False):
            member.line = line
        await self._in_salesforce(members)
        await asyncio.gather(*(self._in_whmcs(member) for member in members))
        await self._contracts(members)
        await self._in_identity(members)
        await asyncio.gather(*(self._in_orders(member) for member in members))
        await self._lines_and_cancellations(members)
        return members

    async def _lines_of_freebit(self, *, esim: bool) -> list[str]:
        """Give the numbers in service that nobody here has yet: of eSIMs alone, or those last."""
        found = (await self._client.get(f"{self._stack.sandbox_urls['freebit']}/_sim/lines")).raise_for_status().json()
        connection = await asyncpg.connect(self._stack.database_url("fulfillment"))
        try:
            taken = {row["account"] for row in await connection.fetch("SELECT account FROM sim_line")}
        finally:
            await connection.close()
        lines = sorted(
            (line["sim_type"] == "esim", str(line["account"]))
            for line in found["lines"]
            if line["state"] == "active" and line["sim_type"] != "group"
        )
        return [number for on_esim, number in lines if number not in taken and (on_esim or not esim)]

    async def _in_salesforce(self, members: list[Member]) -> None:
        staff = self._systems.salesforce
        await staff.log_in()
        accounts = [{"Name": one.mark, "SF_Account_No__c": one.mark} for one in members]
        for one, account_id in zip(members, await staff.create_many("Account", accounts), strict=True):
            one.account_id = account_id
        await staff.create_many(
            "Contact",
            [
                {"AccountId": one.account_id, "LastName": one.mark, "FirstName": one.mark, "Email": one.email}
                for one in members
            ],
        )
        cases = [{"AccountId": one.account_id, "Subject": one.mark, "Description": one.mark} for one in members]
        for one, case_id in zip(members, await staff.create_many("Case", cases), strict=True):
            one.ids["caseId"] = case_id
        by_case = {one.ids["caseId"]: one for one in members}
        for case_id, number in (await self._looked_up("Case", "CaseNumber", by_case)).items():
            by_case[case_id].numbers["caseNumber"] = number
        files = [
            {
                "Title": one.mark,
                "PathOnClient": f"{one.mark}.txt",
                "VersionData": base64.b64encode(one.mark.encode()).decode(),
                "FirstPublishLocationId": one.ids["caseId"],
            }
            for one in members
        ]
        by_version = dict(zip(await staff.create_many("ContentVersion", files), members, strict=True))
        for version, document in (await self._looked_up("ContentVersion", "ContentDocumentId", by_version)).items():
            by_version[version].ids["fileId"] = document
        orders = BulkOrders(staff)
        await orders.create([one.account_id for one in members], 1)
        for one, order_id in zip(members, orders.order_ids, strict=True):
            one.ids["orderId"] = order_id
        await staff.change_many("Order", [{"Id": one.ids["orderId"], **_address(one.mark)} for one in members])

    async def _contracts(self, members: list[Member]) -> None:
        """Write the services into the opportunities, as finished orders have them."""
        by_order = {one.ids["orderId"]: one for one in members}
        opportunities = await self._looked_up("Order", "OpportunityId", by_order)
        changes = [
            {"Id": opportunity, "StageName": "Active", "WHMCS_Service_ID__c": by_order[order].ids["serviceId"]}
            for order, opportunity in opportunities.items()
        ]
        await self._systems.salesforce.change_many("Opportunity", changes)

    async def _looked_up(self, kind: str, field: str, record_ids: Iterable[str]) -> dict[str, str]:
        """Give one field of each record by its id."""
        wanted = "', '".join(record_ids)
        found = await self._systems.salesforce.query(f"SELECT Id, {field} FROM {kind} WHERE Id IN ('{wanted}')")
        return {str(record["Id"]): str(record[field]) for record in found}

    async def _in_whmcs(self, member: Member) -> None:
        async with self._turns:
            call, mark = self._systems.whmcs.call, member.mark
            number = f'a:1:{{i:{_CUSTOMER_NUMBER_FIELD};s:{len(mark)}:"{mark}";}}'
            made = await call(
                "AddClient",
                **dict.fromkeys(("firstname", "lastname", "companyname", "address1", "city", "state"), mark),
                email=member.email,
                postcode="150-0001",
                country="JP",
                phonenumber="03-1234-5678",
                password2=f"{mark}-password",
                customfields=base64.b64encode(number.encode()).decode(),
                noemail=True,
            )
            member.client_id = int(made["clientid"])
            order: dict[str, str | int] = {"clientid": member.client_id, "paymentmethod": "stripe", "noemail": True}
            service: dict[str, str | int] = {"pid[0]": _VPN_PRODUCT, "billingcycle[0]": "monthly", "domain[0]": mark}
            ordered = await call("AddOrder", **order, **service, **{"priceoverride[0]": member.price})
            member.first_invoice_id = int(ordered["invoiceid"])
            await call("AcceptOrder", orderid=int(ordered["orderid"]), sendemail=False)
            member.ids["serviceId"] = int(ordered["serviceids"].split(",")[0])
            invoice: dict[str, str | int] = {
                "userid": member.client_id,
                "itemdescription1": mark,
                "itemamount1": "100",
                "notes": mark,
            }
            member.ids["invoiceId"] = int((await call("CreateInvoice", **invoice))["invoiceid"])

    async def _in_orders(self, member: Member) -> None:
        """The first look at one's orders fetches those made in Salesforce into the portal."""
        async with self._turns:

            async def fetched() -> list[Any]:
                answer = await self._client.get(f"{self._stack.gateway_url}/orders", headers=member.bearer)
                found: list[Any] = [] if answer.is_error else answer.json()["orders"]
                return found

            (found,) = await eventually(fetched, "the order to be known to the portal")
            assert found["orderId"] == member.ids["orderId"]
            member.numbers["orderNumber"] = found["orderNumber"]

    async def _in_identity(self, members: list[Member]) -> None:
        until, password = datetime.now(UTC) + timedelta(hours=1), Argon2Worker().answer("make", PASSWORD)
        for one in members:
            one.ids |= {"sessionId": str(one.session_id), "passkeyId": str(uuid4()), "tokenId": str(uuid4())}
        rows: dict[str, list[tuple[object, ...]]] = {
            _USER: [(one.user_id, one.email, one.mark, password) for one in members],
            _LINK: [(one.user_id, one.account_id, one.client_id, one.mark) for one in members],
            _SESSION: [
                (one.session_id, _hash(one.token), one.csrf_token, one.user_id, until, one.mark) for one in members
            ],
            _PASSKEY: [(UUID(one.ids["passkeyId"]), one.user_id, one.mark.encode(), one.mark) for one in members],
            _API_TOKEN: [
                (UUID(one.ids["tokenId"]), one.mark, _hash(one.mark), one.user_id, one.mark, until) for one in members
            ],
        }
        await self._insert("identity", rows)

    async def _lines_and_cancellations(self, members: list[Member]) -> None:
        for one in members:
            one.ids["changeId"] = secrets.token_hex(16)
        owned = [(one, one.ids["serviceId"], one.ids["orderId"], one.account_id) for one in members]
        lines = [(one.line, order, account, service, one.mark) for one, service, order, account in owned]
        changes = [
            (one.ids["changeId"], service, order, account, one.line, one.mark) for one, service, order, account in owned
        ]
        await self._insert("fulfillment", {_LINE: lines, _LINE_CHANGE: changes})
        ended = [(secrets.token_hex(16), account, service, order, one.mark) for one, service, order, account in owned]
        await self._insert("orders", {_CANCELLATION: ended})

    async def _insert(self, service: str, rows: Mapping[str, Sequence[tuple[object, ...]]]) -> None:
        connection = await asyncpg.connect(self._stack.database_url(service))
        try:
            async with connection.transaction():
                for statement, values in rows.items():
                    await connection.executemany(statement, values)
        finally:
            await connection.close()


def _address(mark: str) -> dict[str, str]:
    """Give an order's address: whole, or the portal would show none of it."""
    named = {f"Billing{part}": mark for part in ("State", "City", "Street")}
    return {**named, "BillingPostalCode": "150-0001", "BillingCountry": "JP"}


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
