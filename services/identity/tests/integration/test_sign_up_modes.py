"""Both modes of signing up, the form per deployment, and the cart of before (C08, C10, R029, R030)."""

import asyncio
import re

import pytest

from portal_chassis.deadline import Deadline
from portal_contracts.identity import ConfirmSignup, CustomerRegistered, LogIn
from portal_contracts.problems import Refused, TryLater
from portal_identity.testing import ACCOUNT_ID, OTHER_ACCOUNT_ID, PASSPHRASE, account, form


@pytest.fixture
def settings(identity):
    """Give a function that changes settings of the running identity."""

    def change(**values):
        fresh = type(identity.settings).model_validate({**identity.settings.model_dump(), **values})
        identity.settings.__dict__.update(fresh.__dict__)

    return change


def without_number(email="hanako@example.jp"):
    return form(email=email).model_copy(update={"customer_number": None})


async def test_without_a_number_the_default_mode_names_the_field(identity) -> None:  # R019, C08
    with pytest.raises(Refused, match="BAD_REQUEST") as caught:
        await identity.request(without_number())
    assert [(fault.field, fault.code) for fault in caught.value.fields] == [("customerNumber", "FIELD_MISSING")]


async def test_an_open_portal_makes_an_account_with_a_number_of_its_own(identity, settings) -> None:  # R030
    settings(signup_mode="open")
    token = await identity.request(without_number("new@example.jp"))
    done = await identity.confirm(token)
    number = done.customer_number
    assert (done.state, number[:3]) == ("done", "PT-")
    assert set(identity.accounts.by_number) == {"SNX-10001", number}
    assert list(identity.billing.clients) == [number]
    (registered,) = [event for event in identity.events if isinstance(event, CustomerRegistered)]
    assert identity.accounts.registered[registered.account_id] == (7000, "Portal Signup")
    assert identity.accounts.contacts[registered.account_id] == "new@example.jp"
    assert await identity.database.fetchval("SELECT count(*) FROM mailbox_number") == 0
    with pytest.raises(Refused, match="EMAIL_TAKEN"):
        await identity.confirm(await identity.request(without_number("New@example.jp"), "request-0002"))


async def test_two_sign_ups_of_one_mailbox_at_once_make_one_account(identity, settings) -> None:  # D05, C08
    settings(signup_mode="open")
    tokens = [await identity.request(without_number("New@example.jp"), f"request-000{turn}") for turn in range(4)]
    answers = await asyncio.gather(*(identity.confirm(token) for token in tokens), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert ([answer.code for answer in refused], len(answers)) == (["EMAIL_TAKEN"] * 3, 4)
    assert (len(identity.billing.clients), len(identity.accounts.by_number)) == (1, 2)


async def test_what_billing_refuses_leaves_no_account_behind_and_a_second_form_goes_on(identity, settings) -> None:
    settings(signup_mode="open")  # D05
    identity.billing.fails_with = [Refused("BILLING_ACCOUNT_EXISTS")]
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await identity.confirm(await identity.request(without_number("new@example.jp")))
    assert set(identity.accounts.by_number) == {"SNX-10001"}
    again = await identity.confirm(await identity.request(without_number("new@example.jp"), "request-0002"))
    assert (again.state, list(identity.billing.clients)) == ("done", [again.customer_number])


async def test_a_mailbox_that_a_customer_has_left_gets_another_number(identity, settings) -> None:  # C08
    settings(signup_mode="open")
    first = await identity.confirm(await identity.request(without_number("new@example.jp")))
    (registered,) = [event for event in identity.events if isinstance(event, CustomerRegistered)]
    await identity.accounts.change_email(registered.account_id, ["new@example.jp"], "moved@example.jp")
    moved = "UPDATE portal_user SET email = 'moved@example.jp', comparable_email = 'moved@example.jp'"
    await identity.database.execute(moved)
    other = await identity.confirm(await identity.request(without_number("new@example.jp"), "request-0002"))
    assert other.state == "done"
    assert other.customer_number != first.customer_number


async def test_an_open_portal_finds_the_account_of_the_proven_mailbox(identity, settings) -> None:  # R030: found first
    settings(signup_mode="open")
    assert (await identity.confirm(await identity.request(without_number()))).state == "done"
    assert identity.accounts.registered == {ACCOUNT_ID: (7000, "Portal Signup")}
    assert list(identity.billing.clients) == ["SNX-10001"]


@pytest.mark.parametrize("other", ["SNX-10002", ""])
async def test_an_open_portal_makes_no_duplicate_where_the_account_is_unclear(identity, settings, other) -> None:
    settings(signup_mode="open")  # C08: several accounts with the proven mailbox, or one without a number
    if not other:
        identity.accounts.by_number.clear()
    identity.accounts.by_number[other] = account(OTHER_ACCOUNT_ID)
    before = dict(identity.accounts.by_number)
    token = await identity.request(without_number())
    for _ in range(2):
        with pytest.raises(Refused, match="LINKING_NOT_POSSIBLE"):
            await identity.confirm(token)
    assert (identity.accounts.by_number, identity.billing.clients) == (before, {})
    signup_id = str(await identity.database.fetchval("SELECT id FROM signup"))
    assert list(identity.staff.cases) == [f"signup-{signup_id}"]


async def test_a_repeat_after_every_lost_answer_makes_one_of_each(identity, settings) -> None:  # D05
    settings(signup_mode="open")
    identity.billing.fails_with = [TryLater("SERVICE_UNAVAILABLE"), TryLater("IN_PROGRESS")]
    token = await identity.request(without_number("new@example.jp"))
    for _ in range(4):
        await identity.use_link(ConfirmSignup(token=token, password=PASSPHRASE), Deadline.after(5))
        await identity.database.execute("UPDATE portal_process SET due_at = now() WHERE due_at IS NOT NULL")
        await identity.processes.run_until_idle()
    assert (await identity.confirm(token)).state == "done"
    assert (len(identity.billing.clients), len(identity.accounts.by_number)) == (1, 2)


async def test_a_number_given_to_an_open_portal_needs_the_same_proof(identity, settings) -> None:  # C39
    settings(signup_mode="open")
    identity.accounts.by_number["SNX-10001"] = account(email="somebody@example.jp")
    stranger = form(email="stranger@example.jp", family_name="佐藤")
    with pytest.raises(Refused, match="CUSTOMER_NUMBER_NOT_PROVEN"):
        await identity.confirm(await identity.request(stranger))
    with pytest.raises(Refused, match="CUSTOMER_NUMBER_NOT_PROVEN"):
        await identity.confirm(await identity.request(form("SNX-99999", "x@example.jp"), "request-0002"))


async def test_in_the_default_mode_the_portal_makes_no_account(identity) -> None:  # C08
    await identity.confirm(await identity.request(form()))
    assert set(identity.accounts.by_number) == {"SNX-10001"}


@pytest.mark.parametrize("source", ["portal_signup", "portal_checkout"])
async def test_who_comes_with_a_cart_came_by_the_checkout_and_the_cart_is_handed_on(identity, source) -> None:  # R029
    with_cart = form().model_copy(update={"cart_id": "cart-0001", "source": source})
    await identity.confirm(await identity.request(with_cart))
    assert identity.accounts.registered[ACCOUNT_ID][1] == "Portal Checkout"
    (registered,) = [event for event in identity.events if isinstance(event, CustomerRegistered)]
    assert registered.cart_id == "cart-0001"


async def test_the_form_is_described_as_it_is_asked_for(identity, settings) -> None:  # C10
    described = identity.settings.form_policy().described()
    assert described.mode == "customer_number_required"
    assert {"customerNumber", "email", "confirmEmail", "address", "name"} <= set(described.form["required"])
    assert "phone" not in described.form["required"]
    assert described.form["properties"]["customerNumber"]["x-alias"] == "sfNumber"  # C11
    patterned = {name for name, known in described.form["properties"].items() if "pattern" in known}
    assert patterned >= {"customerNumber", "email", "confirmEmail", "phone"}
    assert re.match(described.form["$defs"]["Address"]["properties"]["postcode"]["pattern"], "150-0001")
    assert set(described.form["properties"]["dateOfBirth"]["x-purpose"]) == {"en", "ja"}
    settings(signup_mode="open", signup_fields="phone=required, gender=hidden")
    other = identity.settings.form_policy().described()
    assert ("customerNumber" in other.form["required"], "phone" in other.form["required"]) == (False, True)
    assert "gender" not in other.form["properties"]


async def test_a_required_field_is_missed_and_a_hidden_one_forgotten(identity, settings) -> None:  # C10
    settings(signup_fields="phone=required, gender=hidden")
    with pytest.raises(Refused, match="BAD_REQUEST") as caught:
        await identity.request(form())
    assert [fault.field for fault in caught.value.fields] == ["phone"]
    full = form().model_copy(update={"phone": "03-1234-5678", "gender": "female"})
    await identity.request(full)
    signup_id = str(await identity.database.fetchval("SELECT id FROM signup"))
    kept = await identity.stores.signups.read(signup_id)
    assert (kept.form.phone, kept.form.gender) == ("03-1234-5678", None)


def test_a_setting_that_names_no_field_is_refused(identity) -> None:
    for wrong in ("shoeSize=required", "phone=perhaps"):
        with pytest.raises(ValueError):
            type(identity.settings).model_validate({**identity.settings.model_dump(), "signup_fields": wrong})


async def test_forms_nobody_went_on_with_are_forgotten(identity) -> None:  # §5.10
    token = await identity.request(form())
    await identity.request(form(email="late@example.jp"), "request-0002")
    await identity.confirm(token)
    await identity.database.execute("UPDATE signup SET kept_at = now() - interval '31 days'")
    await identity.stores.signups.sweep(30)
    assert await identity.database.fetchval("SELECT count(*) FROM signup") == 0
    attempt = LogIn(request_id="request-0003", email="hanako@example.jp", password=PASSPHRASE, client_address="x")
    assert (await identity.open_session(attempt)).user_id
