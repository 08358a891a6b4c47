"""Every kind of security event that identity knows is caused over HTTP and read over HTTP by its customer (R050).

The kinds are identity's own list, so a new one without its doing here fails.
"""

import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, get_args

import asyncpg
import httpx
import pytest

from portal_chassis.sealing import Seal
from portal_identity.audit import SecurityWord
from portal_identity.one_time_codes import STEP_SECONDS, code_at
from portal_identity.testing import SoftwarePasskey
from portal_local.demo.customer import eventually
from portal_local.keys import ensure_keys
from portal_security.account_owner import AccountOwner
from portal_security.crowd import Crowd, Member
from portal_testing.shoppers import Shopper, Shoppers
from portal_testing.stack import PortalStack

WRONG, NEW = "a-wrong-and-long-passphrase", "another-long-and-fake-phrase"
ADDRESS = {"postcode": "150-0043", "prefecture": "東京都", "city": "渋谷区", "street": "道玄坂4-5-6"}
CUSTOMER_NUMBER_FIELD = 198
CODE = "UPDATE sim_line SET activation_code = $2 WHERE account = $1"
NOTE = "INSERT INTO audit_entry (user_id, event, facts) VALUES ($1, $2, $3)"
NOBODYS = {"erased"}
"""Of somebody who is gone: nobody can sign in to read it."""
WITH_OTHER_VENDORS = {"document_infected", "identity_check_begun", "identity_check_failed", "identity_check_concluded"}
"""Caused with a virus scanner and a provider of identity checks, which not every portal has: written straight away."""


@dataclass
class Scene:
    """Who does something. `mine` has a service and a line; the others are for what would be in the way of the rest."""

    mine: AccountOwner
    member: Member
    forgetful: AccountOwner
    slowed: AccountOwner
    newcomer: AccountOwner
    linked: AccountOwner
    stack: PortalStack


Doing = Callable[[Scene], Awaitable[AccountOwner]]


async def linked_account(stack: PortalStack, http: httpx.AsyncClient, stranger: Shopper) -> AccountOwner:
    """Link an account of before the portal."""
    number, email = stranger.person.customer_number, stranger.person.email
    known = dict.fromkeys(("firstname", "lastname", "address1", "city", "state"), "見本")
    field = f'a:1:{{i:{CUSTOMER_NUMBER_FIELD};s:{len(number)}:"{number}";}}'
    await stranger.journey.systems.whmcs.call(
        "AddClient",
        **known,
        email=email,
        postcode="150-0001",
        country="JP",
        phonenumber="03-1234-5678",
        password2=WRONG,
        customfields=base64.b64encode(field.encode()).decode(),
        noemail=True,
    )
    owner = AccountOwner(stack, http, email, {}, NEW)
    form = {"email": email, "password": NEW, "confirmPassword": NEW, "whmcsPassword": WRONG}
    token = (await owner.done("POST", "/auth/link", form))["token"]

    async def done() -> bool:
        return (await owner.send("POST", "/auth/link/confirm", {"token": token})).status_code == 200

    await eventually(done, "the account to be linked")
    return owner


@pytest.fixture
async def scene(crowd: Crowd, shoppers: Shoppers, portal_stack: PortalStack) -> AsyncIterator[Scene]:
    async with portal_stack.new_client() as http:
        members = await crowd.grow(3, in_service=1, esim=True)
        mine, forgetful, slowed = (AccountOwner(portal_stack, http, one.email, one.bearer) for one in members)
        person = (await shoppers.somebody(with_card=False)).person
        newcomer = AccountOwner(portal_stack, http, person.email, {})
        linked = await linked_account(portal_stack, http, await shoppers.unknown())
        for owner in (newcomer, linked):
            owner.bearer = await owner.log_in()
        yield Scene(mine, members[0], forgetful, slowed, newcomer, linked, portal_stack)


async def log_in(scene: Scene) -> AccountOwner:
    await scene.mine.log_in()
    return scene.mine


async def log_in_wrongly(scene: Scene) -> AccountOwner:
    await scene.mine.refused_log_in(password=WRONG)
    return scene.mine


async def link_wrongly(scene: Scene) -> AccountOwner:
    """Somebody tries to link what is an account here already."""
    form = {"email": scene.mine.email, "whmcsPassword": WRONG, "password": NEW, "confirmPassword": NEW}
    assert (await scene.mine.send("POST", "/auth/link", form)).status_code == 401
    return scene.mine


async def log_in_too_often(scene: Scene) -> AccountOwner:
    await scene.slowed.until_slowed("/auth/login", {"email": scene.slowed.email, "password": WRONG})
    return scene.slowed


async def step_up(scene: Scene) -> AccountOwner:
    bearer = await scene.mine.log_in()
    await scene.mine.done("POST", "/auth/step-up", {"password": scene.mine.password}, bearer=bearer)
    return scene.mine


async def step_up_too_often(scene: Scene) -> AccountOwner:
    await scene.slowed.until_slowed("/auth/step-up", {"password": WRONG})
    return scene.slowed


async def change_password_too_often(scene: Scene) -> AccountOwner:
    form = {"currentPassword": WRONG, "password": NEW, "confirmPassword": NEW}
    await scene.slowed.until_slowed("/auth/password", form)
    return scene.slowed


async def reset(scene: Scene) -> AccountOwner:
    owner = scene.forgetful
    await owner.done("POST", "/auth/password/request-reset", {"email": owner.email})
    token = await owner.mailed(owner.email, r"/auth/password/reset\?token=([A-Za-z0-9_.-]+)")
    await owner.done("POST", "/auth/password/reset", {"token": token, "password": NEW, "confirmPassword": NEW})
    owner.password = NEW
    owner.bearer = await owner.log_in()
    return owner


async def change_password(scene: Scene) -> AccountOwner:
    owner, other = scene.forgetful, "yet-another-long-and-fake-phrase"
    form = {"currentPassword": owner.password, "password": other, "confirmPassword": other}
    await owner.done("POST", "/auth/password", form)
    owner.password = other
    return owner


async def change_email(scene: Scene) -> AccountOwner:
    owner, fresh = scene.forgetful, f"moved.{scene.forgetful.email}"
    await owner.done("POST", "/me/email", {"email": fresh, "confirmEmail": fresh})
    token = await owner.mailed(fresh, r"/auth/email/confirm\?token=([A-Za-z0-9_.-]+)")
    await owner.done("POST", "/auth/email/confirm", {"token": token})
    return owner


async def protect(scene: Scene) -> AccountOwner:
    """Add an authenticator, log in without and with a recovery code, make others, and take it away again."""
    owner = scene.newcomer
    seed = (await owner.done("POST", "/me/authenticator/begin"))["secret"]
    code = code_at(seed, int(time.time()) // STEP_SECONDS)
    (recovery, *_) = (await owner.done("POST", "/me/authenticator", {"code": code}))["codes"]
    assert (await owner.refused_log_in()).json()["code"] == "SECOND_FACTOR_REQUIRED"
    await owner.log_in(code=recovery)
    await owner.done("POST", "/me/recovery-codes")
    await owner.done("DELETE", "/me/authenticator")
    return owner


async def passkey(scene: Scene) -> AccountOwner:
    owner, key = scene.newcomer, SoftwarePasskey(origin=scene.stack.public_url)
    begun = await owner.done("POST", "/me/passkeys/begin")
    answer = {"challengeId": begun["challengeId"], "credential": key.create(begun["options"])}
    made = await owner.done("POST", "/me/passkeys", {"answer": answer, "name": "電話"})
    await owner.done("DELETE", f"/me/passkeys/{made['passkeyId']}")
    return owner


async def api_token(scene: Scene) -> AccountOwner:
    wanted = {"name": "Bookkeeping", "scopes": ["billing:read"], "days": 30}
    made = await scene.mine.done("POST", "/me/api-tokens", wanted)
    await scene.mine.done("DELETE", f"/me/api-tokens/{made['tokenId']}")
    return scene.mine


async def revoke(scene: Scene) -> AccountOwner:
    bearer = await scene.mine.log_in()
    listed = (await scene.mine.done("GET", "/me/sessions", bearer=bearer))["sessions"]
    other = next(one["sessionId"] for one in listed if one["current"])
    await scene.mine.done("DELETE", f"/me/sessions/{other}")
    return scene.mine


async def log_out(scene: Scene) -> AccountOwner:
    await scene.mine.done("POST", "/auth/logout", bearer=await scene.mine.log_in())
    return scene.mine


async def log_out_everywhere(scene: Scene) -> AccountOwner:
    await scene.newcomer.done("POST", "/auth/logout-everywhere")
    scene.newcomer.bearer = await scene.newcomer.log_in()
    return scene.newcomer


async def hand_in(scene: Scene) -> AccountOwner:
    await scene.mine.done("POST", "/me/verification/internet/documents", content=b"%PDF-1.7 a fake document")
    return scene.mine


async def think_again_of_leaving(scene: Scene) -> AccountOwner:
    await scene.linked.done("POST", "/me/deletion", {})
    await scene.linked.done("DELETE", "/me/deletion")
    return scene.linked


async def change_profile(scene: Scene) -> AccountOwner:
    await scene.mine.done("PUT", "/billing/profile", {"phone": "03-9999-0000"})
    await scene.mine.done("PUT", "/billing/profile/address", {"address": ADDRESS})
    return scene.mine


async def look_at_esim_code(scene: Scene) -> AccountOwner:
    """Give the member's line a code as fulfillment keeps it, and look at it."""
    line, keys = scene.member.line, ensure_keys(scene.stack.keys)
    seal = Seal.from_file(keys.fulfillment, setting="PORTAL_FULFILLMENT_KEY_PATH")
    await write(scene.stack, "fulfillment", CODE, line, seal.close("LPA:1$rsp.example.com$FAKE-CODE", record=line))
    await scene.mine.done("POST", f"/orders/{scene.member.ids['orderId']}/esim-code", {})
    return scene.mine


def asking(owner: str, method: str, path: str, body: Any = None, *, works: bool = True) -> Doing:
    """Give what is one request of a signed-in customer's; `{…}` in the path names an object of the member."""

    async def ask(scene: Scene) -> AccountOwner:
        found: AccountOwner = getattr(scene, owner)
        answer = await found.send(method, path.format(**scene.member.ids), body)
        assert answer.is_success == works, answer.text
        return found

    return ask


def having(owner: str) -> Doing:
    """Give what was done by becoming a customer."""

    async def had(scene: Scene) -> AccountOwner:
        found: AccountOwner = getattr(scene, owner)
        return found

    return had


async def write(stack: PortalStack, service: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(stack.database_url(service))
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


def noted(word: str) -> Doing:
    async def note(scene: Scene) -> AccountOwner:
        await write(scene.stack, "identity", NOTE, scene.member.user_id, word, json.dumps({"address": "192.0.2.1"}))
        return scene.mine

    return note


NO_PASSWORD = {"currentPassword": WRONG, "password": NEW, "confirmPassword": NEW}
DOINGS: dict[Doing, tuple[str, ...]] = {
    having("newcomer"): ("registered",),
    having("linked"): ("link_requested", "linked"),
    log_in: ("logged_in",),
    log_in_wrongly: ("log_in_failed",),
    link_wrongly: ("link_failed",),
    log_in_too_often: ("log_in_slowed",),
    step_up: ("stepped_up",),
    asking("mine", "POST", "/auth/step-up", {"password": WRONG}, works=False): ("step_up_failed",),
    step_up_too_often: ("step_up_slowed",),
    asking("mine", "POST", "/auth/password", NO_PASSWORD, works=False): ("password_change_failed",),
    change_password_too_often: ("password_change_slowed",),
    reset: ("password_reset_requested", "password_reset"),
    change_password: ("password_changed",),
    change_email: ("email_change_requested", "email_changed"),
    protect: (
        "second_factor_added",
        "second_factor_asked",
        "recovery_code_used",
        "recovery_codes_renewed",
        "second_factor_removed",
    ),
    passkey: ("passkey_added", "passkey_removed"),
    api_token: ("api_token_created", "api_token_revoked"),
    revoke: ("session_revoked",),
    log_out: ("logged_out",),
    log_out_everywhere: ("logged_out_everywhere",),
    hand_in: ("document_submitted",),
    asking("mine", "GET", "/me/export"): ("personal_data_exported",),
    think_again_of_leaving: ("deletion_requested", "deletion_withdrawn"),
    asking("mine", "POST", "/auth/sso-link", {"destination": "invoices"}): ("sso_link_asked",),
    change_profile: ("address_changed", "profile_changed"),
    look_at_esim_code: ("esim_code_shown",),
    asking("mine", "POST", "/subscriptions/{serviceId}/reissue-esim", {"confirmed": True}): ("esim_reissue_asked",),
    **{noted(word): (word,) for word in WITH_OTHER_VENDORS},
}
TOLD_BY_OTHERS = {"sso_link_asked", "address_changed", "profile_changed", "esim_code_shown", "esim_reissue_asked"}
"""Billing and fulfillment say what happened, not from where."""
WITHOUT_AN_ADDRESS = TOLD_BY_OTHERS | {"registered", "linked"}


def test_every_kind_of_event_is_caused_here_once() -> None:
    caused = [word for words in DOINGS.values() for word in words]
    assert sorted(caused) == sorted(set(get_args(SecurityWord)) - NOBODYS)


@pytest.mark.timeout(300)
async def test_its_customer_reads_of_every_event_and_nobody_else_does(scene: Scene) -> None:
    bystander = scene.slowed
    for doing, words in DOINGS.items():
        before = await bystander.events()
        owner = await doing(scene)

        async def read(owner: AccountOwner = owner, words: tuple[str, ...] = words) -> dict[str, dict[str, Any]] | None:
            found = await owner.events()
            return found if set(words) <= set(found) else None

        found = await eventually(read, f"{', '.join(words)} to be read")
        assert all(found[word]["clientAddress"] for word in set(words) - WITHOUT_AN_ADDRESS), words
        if owner is not bystander:
            assert await bystander.events() == before, words
