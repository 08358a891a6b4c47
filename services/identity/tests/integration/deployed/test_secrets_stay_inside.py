"""Canaries: what a customer entrusts to identity shows up in no log, event or span of ours (architecture §4, §9)."""

import asyncio
import time
from base64 import b64encode

import pytest
from pydantic import BaseModel

from portal_chassis.testing import SpanCollector
from portal_contracts.billing_logins import ProvenLogin
from portal_contracts.identity import ConfirmSignup, LogIn, LogOut, MintActor, ReadMe, RequestSignup
from portal_contracts.identity_api_tokens import ApiTokenForm, MakeApiToken
from portal_contracts.identity_email import (
    ConfirmEmailChange,
    EmailChangeForm,
    MintEmailChangeLink,
    RequestEmailChange,
)
from portal_contracts.identity_linking import ContinueLinking, LinkAccount, LinkCodeForm, LinkForm, MintLinkCode
from portal_contracts.identity_personal_data import CustomerErased, ExportPersonalData, RequestDeletion
from portal_contracts.identity_second_factor import BeginAuthenticator, ConfirmAuthenticator
from portal_contracts.identity_verification import SubmitDocument
from portal_contracts.message import Request
from portal_contracts.problems import PortalProblem, TryLater
from portal_contracts.topology import SERVICES
from portal_contracts.values import PersonName
from portal_identity.one_time_codes import STEP_SECONDS, code_at

NUMBER = "SNX-10001"
PASSWORD = "canary-Zq7-kestrel-and-plum"
WRONG_PASSWORD = "canary-Wr0ng-kestrel-and-plum"
NEW_PASSWORD = "canary-N3w-lantern-and-fern"
PHONE = "090-9876-5432"
WHMCS_PASSWORD = "canary-Whmcs-thistle-and-owl"
DOCUMENT = "%PDF-canary-of-a-passport-page" * 4


@pytest.fixture
def collector():
    found = SpanCollector()
    with found.listening():
        yield found


@pytest.fixture
def extra_environment(collector) -> dict[str, str]:
    return {"PORTAL_TRACE_ENDPOINT": collector.endpoint, "PORTAL_TRACE_RATIO": "1"}


class Canaries:
    """Everything that must stay inside, by what it is."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {
            "password": PASSWORD,
            "wrong password": WRONG_PASSWORD,
            "new password": NEW_PASSWORD,
            "phone": PHONE,
        }

    def of_form(self, form) -> None:
        self.values |= {
            "mailbox": form.email.partition("@")[0],
            "family name": form.name.family_name,
            "given name": form.name.given_name,
            "street": form.address.street,
            "city": form.address.city,
            "postcode": form.address.postcode,
        }

    def found_in(self, text: str) -> list[str]:
        return [what for what, value in self.values.items() if value in text]


async def refused(asking) -> None:
    with pytest.raises(PortalProblem):
        await asking


async def play_everything(world, canaries) -> None:
    """Everything that goes well and everything that does not."""
    hanako = world.form(NUMBER, password=PASSWORD, confirm_password=PASSWORD, phone=PHONE)
    canaries.of_form(hanako)
    weak = hanako.model_copy(update={"password": hanako.email, "confirm_password": hanako.email})
    await refused(world.request_signup(weak))
    world.billing_fails = [TryLater("IN_PROGRESS"), TryLater("WHMCS_UNAVAILABLE")]
    world.sandbox.faults.arm({"vendor": "salesforce", "call": "query", "kind": "refused", "times": 4})
    token = canaries.values["sign-up token"] = await world.request_signup(hanako)
    await world.confirm(token)
    await refused(world.log_in(hanako, WRONG_PASSWORD))
    await refused(world.log_in(hanako, email="nobody@example.jp"))
    session = await world.log_in(hanako)
    canaries.values |= {"session token": session.session_token, "CSRF token": session.csrf_token}
    minted = await world.ask("gateway", MintActor(session_token=session.session_token))
    canaries.values["actor token"] = minted.actor_token
    await world.ask("gateway", ReadMe(), actor=minted.actor_token)
    await refused(world.ask("gateway", ReadMe(), actor=minted.actor_token[:-4] + "AAAA"))
    taken = world.form(NUMBER, password=PASSWORD, confirm_password=PASSWORD)
    await refused(world.confirm(await world.request_signup(taken)))  # the number is taken
    stranger = world.form("SNX-10003", email="canary-stranger@example.jp", confirm_email="canary-stranger@example.jp")
    canaries.values["stranger"] = "canary-stranger"
    nameless = stranger.model_copy(update={"name": hanako.name})
    await refused(world.confirm(await world.request_signup(nameless)))  # not proven: a case for staff
    await refused(world.ask("gateway", ConfirmSignup(token=token[::-1])))
    await refused(world.change_password(minted.actor_token, WRONG_PASSWORD, NEW_PASSWORD, "request-change-1"))
    await world.change_password(minted.actor_token, PASSWORD, NEW_PASSWORD, "request-change-2")
    await world.ask("gateway", LogOut(request_id="request-out-1"), actor=minted.actor_token)
    await refused(world.reset_password("nobody@example.jp", NEW_PASSWORD))
    canaries.values["reset token"] = await world.reset_password(hanako.email, PASSWORD)
    await play_account(world, hanako, canaries)
    await send_nonsense(world)


async def play_account(world, hanako, canaries) -> None:
    """Second factors, tokens, another address, an account of before the portal; with what is wrong of each."""
    session = await world.log_in(hanako, PASSWORD)
    actor = (await world.ask("gateway", MintActor(session_token=session.session_token))).actor_token
    ask = {"request_id": "request-5001", "client_address": "192.0.2.1"}
    seed = (await world.ask("gateway", BeginAuthenticator(request_id="request-5000"), actor=actor)).secret
    await refused(world.ask("gateway", ConfirmAuthenticator(form={"code": "000000"}, **ask), actor=actor))
    code = code_at(seed, int(time.time()) // STEP_SECONDS)
    codes = (await world.ask("gateway", ConfirmAuthenticator(form={"code": code}, **ask), actor=actor)).codes
    made = ApiTokenForm(name="Bookkeeping", scopes=["billing:read"])
    token = await world.ask("gateway", MakeApiToken(form=made, **ask), actor=actor)
    canaries.values |= {"seed": seed, "recovery code": codes[0], "API token": token.secret}
    recovery = LogIn(email=hanako.email, password=PASSWORD, code=codes[0], **ask)
    assert (await world.ask("gateway", recovery)).user_id == session.user_id
    await refused(world.ask("gateway", recovery))
    wish = EmailChangeForm(email="canary-elsewhere@example.jp", confirm_email="canary-elsewhere@example.jp")
    await world.ask("gateway", RequestEmailChange(form=wish, **ask), actor=actor)
    change_id = await world.database.fetchval("SELECT id::text FROM email_change")
    link = await world.ask("notifications", MintEmailChangeLink(change_id=change_id))
    canaries.values |= {"e-mail link": link.token}
    await world.ask("gateway", ConfirmEmailChange(token=link.token))
    await refused(world.ask("gateway", ConfirmEmailChange(token=link.token)))
    document = SubmitDocument(request_id="request-5002", commodity="internet", content=b64encode(DOCUMENT.encode()))
    await world.ask("gateway", document, actor=actor)
    canaries.values |= {"document": DOCUMENT, "document in base64": b64encode(DOCUMENT.encode()).decode()[8:-8]}
    await world.ask("gateway", ExportPersonalData(), actor=actor)
    await world.ask("gateway", RequestDeletion(**ask), actor=actor)
    name = PersonName(family_name="canary-family", given_name="canary-given")
    world.logins[WHMCS_PASSWORD] = ProvenLogin(
        whmcs_client_id=4711,
        email="canary-legacy@example.jp",
        name=name,
        customer_number="SNX-10002",
        second_factor=True,
    )
    form = LinkForm(
        email="canary-legacy@example.jp",
        whmcs_password=WHMCS_PASSWORD,
        password=NEW_PASSWORD,
        confirm_password=NEW_PASSWORD,
    )
    await refused(world.ask("gateway", LinkAccount(form=form.model_copy(update={"whmcs_password": "x"}), **ask)))
    begun = await world.ask("gateway", LinkAccount(form=form, **ask))
    link_id = await world.database.fetchval("SELECT id::text FROM linking")
    mailed = await world.ask("notifications", MintLinkCode(link_id=link_id))
    canaries.values |= {"WHMCS password": WHMCS_PASSWORD, "linking token": begun.token}
    given = LinkCodeForm(token=begun.token, code=mailed.code)

    async def linked():
        return (await world.ask("gateway", ContinueLinking(form=given, **ask))).state == "done"

    await world.eventually(linked)


async def send_nonsense(world) -> None:
    """What a broken client sends: refused, and the refusal must not quote it in a log."""
    gateway = world.buses["gateway"]
    for body in (
        f'{{"requestId": "request-9999", "form": {{"email": "canary-mailbox", "password": "{PASSWORD}"}}}}',
        f'{{"requestId": "request-9999", "form": "{PASSWORD}"',
    ):
        reply = await gateway.ask_bytes(RequestSignup, body.encode())
        assert reply.problem is not None
        assert PASSWORD not in reply.body.decode()
    await world.database.execute("ALTER TABLE portal_user RENAME TO hidden_for_a_moment")
    await refused(world.log_in(world.form(NUMBER), PASSWORD))  # a failure nobody foresaw, with a traceback
    await world.database.execute("ALTER TABLE hidden_for_a_moment RENAME TO portal_user")


async def test_no_canary_leaves_by_log_event_or_trace(world, collector) -> None:
    canaries = Canaries()
    await play_everything(world, canaries)
    await world.process.stop()
    log = world.process.log()
    assert "a request handler failed" in log
    assert canaries.found_in(log) == []
    events = await world.events()
    recorded = {event.subject for event in SERVICES["identity"].records} - {CustomerErased.subject}
    assert {subject for subject, _ in events} == recorded
    assert canaries.found_in(str(events)) == []
    spans = await asyncio.to_thread(collector.wait_for, 20)
    assert canaries.found_in(str([(span.name, dict(span.attributes)) for span in spans])) == []


async def test_no_secret_is_at_rest_and_personal_data_only_where_it_belongs(world) -> None:
    canaries = Canaries()
    await play_everything(world, canaries)
    secrets = {
        "password",
        "wrong password",
        "new password",
        "reset token",
        "sign-up token",
        "session token",
        "actor token",
        "WHMCS password",
        "linking token",
        "seed",
        "recovery code",
        "API token",
        "e-mail link",
        "document",
        "document in base64",
    }
    tables = await world.database.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'portal_migration'"
    )
    for (table,) in tables:
        rows = str([dict(row) for row in await world.database.fetch(f'SELECT * FROM "{table}"')])
        found = set(canaries.found_in(rows))
        assert not found & secrets, table
        if table == "portal_user":  # where they belong they are found: the canaries sing
            assert {"family name", "given name"} <= found
        if table == "email_change":
            assert "mailbox" in found
        if table not in {"portal_user", "session", "email_change"}:
            assert not found, table


def test_every_secret_of_a_message_is_hidden_from_its_own_text() -> None:
    """A message that slips into a traceback shows neither password nor token."""
    for request in (*SERVICES["identity"].serves,):
        assert issubclass(request, Request)
        for name, field in _fields(request):
            secret = any(word in name for word in ("password", "token", "credential")) and not name.endswith("_id")
            if secret or name in {"code", "content"}:
                assert not field.repr, f"{request.__name__}.{name}"


def _fields(model: type[BaseModel]):
    for name, field in model.model_fields.items():
        yield name, field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation)
