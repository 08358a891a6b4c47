import asyncio
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from portal_chassis.actor import ActorVerifier, sign_actor
from portal_contracts import account_messages
from portal_contracts.drift import FindLinkedClients
from portal_contracts.identity import (
    ConfirmSignup,
    FindCustomer,
    LogOut,
    MintActor,
    MintSignupLink,
    ReadMe,
    ReadRecipient,
)
from portal_contracts.identity_passwords import (
    MintPasswordResetLink,
)
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.topology import SERVICES
from portal_identity.testing import PASSPHRASE
from portal_salesforce.soql import equals, select

NUMBER = "SNX-10001"


async def test_every_subject_answers_along_a_customers_way(world, keys, salesforce) -> None:  # R026
    hanako = world.form(NUMBER)
    signup = await world.confirm(await world.request_signup(hanako))
    assert (signup.state, signup.customer_number) == ("done", NUMBER)
    session = await world.log_in(hanako)
    minted = await world.ask("gateway", MintActor(session_token=session.session_token))
    actor = ActorVerifier.from_file(keys.actor_public).verify(minted.actor_token)
    me = await world.ask("gateway", ReadMe(), actor=minted.actor_token)
    assert (me.user_id, me.email, me.customer_number) == (session.user_id, hanako.email, NUMBER)
    assert (me.account_id, me.whmcs_client_id) == (actor.account_id, world.clients[NUMBER])
    link = await world.ask("orders", FindCustomer(account_id=me.account_id))
    assert (link.user_id, link.whmcs_client_id, link.customer_number) == (me.user_id, me.whmcs_client_id, NUMBER)
    recipient = await world.ask("notifications", ReadRecipient(account_id=me.account_id))
    assert (recipient.email, recipient.name, recipient.locale) == (hanako.email, hanako.name, "ja")
    current = hanako.password
    for number, wanted in enumerate(("another-long-and-fake-phrase", "yet-one-more-invented-sentence"), start=1):
        await world.change_password(minted.actor_token, current, wanted, f"request-change-{number}")
        current = wanted
    await world.ask("gateway", LogOut(request_id="request-out-1"), actor=minted.actor_token)
    await world.reset_password(hanako.email, hanako.password)
    await world.log_in(hanako)
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await world.ask("gateway", MintActor(session_token=session.session_token))
    linked = await world.ask("orders", FindLinkedClients(whmcs_client_ids=[me.whmcs_client_id, 1]))
    assert linked.linked == {me.whmcs_client_id: me.account_id}
    answered = {message.subject for message in SERVICES["identity"].serves}
    elsewhere = {*account_messages.ASKED_THROUGH_THE_GATEWAY, *account_messages.ASKED_FOR_MAILS}
    known = {message.subject for message in elsewhere} | {"identity.verification.check.v1", "identity.deletion.list.v1"}
    others = {subject for subject in answered if any(word in subject for word in (".operator", ".setup.", ".process."))}
    assert answered - world.answered == others | known
    assert [subject for subject, _ in await world.events()] == [
        "identity.signup.requested.v1",
        "identity.customer.registered.v1",
        "identity.password.changed.v1",
        "identity.password.changed.v1",
        "identity.session.revoked.v1",
        "identity.password_reset.requested.v1",
        "identity.password.changed.v1",
    ]

    async def told():
        account = select("Account", "WH_Account__c", "Portal_Status__c").where(equals("SF_Account_No__c", NUMBER))
        found = await salesforce.query_one(account)
        return found == {"WH_Account__c": str(world.clients[NUMBER]), "Portal_Status__c": "Active"}

    await world.eventually(told)  # R027-R029
    await world.process.stop()


@pytest.mark.parametrize("message", [ReadMe(), LogOut(request_id="request-0001")])
async def test_a_customers_message_needs_a_token_that_identity_signed_and_that_is_still_good(
    world, keys, message
) -> None:
    hanako = world.form(NUMBER)
    await world.confirm(await world.request_signup(hanako))
    session = await world.log_in(hanako)
    minted = await world.ask("gateway", MintActor(session_token=session.session_token))
    actor = ActorVerifier.from_file(keys.actor_public).verify(minted.actor_token)
    own_key = load_pem_private_key(keys.actor_private.read_bytes(), password=None)
    head, claims, signature = minted.actor_token.split(".")
    forged = sign_actor(Ed25519PrivateKey.generate(), keys.actor_key_id, actor)
    other = sign_actor(own_key, keys.actor_key_id, replace(actor, user_id="7b6f5c7e-0000-4000-8000-000000000009"))
    refused = {
        "missing": None,
        "signed by somebody else": forged,
        "under an unknown key": sign_actor(own_key, "no-such-key", actor),
        "expired": sign_actor(own_key, keys.actor_key_id, actor, -60),
        "another's claims under this signature": f"{head}.{other.split('.')[1]}.{signature}",
        "no token": "nonsense",
        "unsigned": f"{head}.{claims}.",
    }
    for what, token in refused.items():
        with pytest.raises(Misconfigured) as caught:
            await world.ask("gateway", message, actor=token)
        assert caught.value.code == "ACTOR_REFUSED", what
    await world.ask("gateway", ReadMe(), actor=minted.actor_token)


async def test_the_gateway_may_not_send_what_is_between_services(world) -> None:  # architecture §4
    hanako = world.form(NUMBER)
    await world.confirm(await world.request_signup(hanako))
    account_id = await world.database.fetchval("SELECT account_id FROM customer_link")
    signup_id = await world.database.fetchval("SELECT id::text FROM signup")
    gateway = world.buses["gateway"]
    for number, message in enumerate(
        (
            FindCustomer(account_id=account_id),
            ReadRecipient(account_id=account_id),
            MintSignupLink(signup_id=signup_id),
            MintPasswordResetLink(reset_id=signup_id),
        ),
        start=1,
    ):
        with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):  # a denied call looks like silence to its sender
            await gateway.ask(message, timeout=0.5)
        assert gateway.violations == number
    assert (await world.ask("orders", FindCustomer(account_id=account_id))).account_id == account_id
    with pytest.raises(Refused, match="CUSTOMER_NOT_LINKED"):
        await world.ask("orders", FindCustomer(account_id="001000000000999AAA"))


async def test_a_lost_answer_of_billing_ends_in_one_client_and_one_link(world) -> None:  # D05
    world.billing_fails = [TryLater("IN_PROGRESS"), TryLater("WHMCS_UNAVAILABLE")]
    token = await world.request_signup(world.form(NUMBER))
    assert (await world.ask("gateway", ConfirmSignup(token=token, password=PASSPHRASE))).state == "working"
    await world.confirm(token)
    assert world.clients == {NUMBER: 7000}
    assert await world.database.fetchval("SELECT count(*) FROM customer_link") == 1


async def test_a_number_that_is_not_proven_opens_one_case_for_staff(world) -> None:  # C39
    stranger = world.form(NUMBER, email="stranger@example.jp", confirm_email="stranger@example.jp").model_copy(
        update={"name": world.form("SNX-10002").name}
    )
    token = await world.request_signup(stranger)
    for _ in range(2):
        with pytest.raises(Refused, match="CUSTOMER_NUMBER_NOT_PROVEN"):
            await world.ask("gateway", ConfirmSignup(token=token, password=PASSPHRASE))
    async with asyncio.timeout(10):
        while not world.cases:
            await asyncio.sleep(0.05)
    assert len(world.cases) == 1
    assert world.clients == {}


async def test_fifty_clicks_at_once_make_one_customer_and_one_event(world) -> None:
    token = await world.request_signup(world.form(NUMBER))
    command = ConfirmSignup(token=token, password=PASSPHRASE)
    answers = await asyncio.gather(*(world.ask("gateway", command) for _ in range(50)))
    assert {answer.customer_number for answer in answers} == {NUMBER}
    await world.confirm(token)
    assert [subject for subject, _ in await world.events()].count("identity.customer.registered.v1") == 1


async def test_salesforce_away_holds_a_sign_up_back_and_it_resumes_by_itself(world, sandbox) -> None:  # R255
    token = await world.request_signup(world.form(NUMBER))
    sandbox.faults.arm({"vendor": "salesforce", "call": "*", "kind": "refused", "times": None})
    assert (await world.ask("gateway", ConfirmSignup(token=token, password=PASSPHRASE))).state == "working"
    sandbox.faults.disarm()
    await world.confirm(token)
    assert await world.database.fetchval("SELECT count(*) FROM customer_link") == 1


@pytest.mark.kill
async def test_a_killed_identity_finishes_the_sign_up_when_it_is_back(world) -> None:
    world.billing_free.clear()
    token = await world.request_signup(world.form(NUMBER))
    asking = asyncio.create_task(world.ask("gateway", ConfirmSignup(token=token, password=PASSPHRASE), timeout=2.0))

    async def made():
        return bool(world.clients)

    await world.eventually(made)
    await world.process.kill()
    (heard,) = await asyncio.gather(asking, return_exceptions=True)
    # Nothing, or, where the machine was slow, that the sign-up goes on.
    assert isinstance(heard, TryLater) or heard.state == "working"
    world.billing_free.set()
    await world.process.start()
    await world.confirm(token, within=60)  # the dead worker's lease lasts half a minute
    assert world.clients == {NUMBER: 7000}
    assert await world.database.fetchval("SELECT count(*) FROM customer_link") == 1
