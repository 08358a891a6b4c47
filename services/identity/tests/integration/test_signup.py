import asyncio
from uuid import uuid4

import pytest

from portal_contracts.identity import (
    CustomerRegistered,
    LogIn,
    MintSignupLink,
    RequestSignup,
    SignupAccepted,
    SignupRequested,
)
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_identity.ports import BilledProfile
from portal_identity.testing import ACCOUNT_ID, OTHER_ACCOUNT_ID, PASSPHRASE, account, form


async def test_the_main_way_makes_client_user_link_and_tells_salesforce(identity) -> None:  # R026
    signup = await identity.confirm(await identity.request(form()))
    assert (signup.state, signup.customer_number) == ("done", "SNX-10001")
    assert identity.accounts.registered == {ACCOUNT_ID: (7000, "Portal Signup")}  # R027-R029
    assert identity.accounts.contacts == {ACCOUNT_ID: "hanako@example.jp"}  # R030
    link = await identity.read_customer.link(ACCOUNT_ID)
    assert (link.whmcs_client_id, link.customer_number) == (7000, "SNX-10001")
    assert [type(event) for event in identity.events] == [SignupRequested, CustomerRegistered]
    (registered,) = await identity.audit.list(link.user_id, None, 10)
    assert (registered.event, registered.client_address) == ("registered", "192.0.2.9")  # R050


async def test_after_the_sign_up_address_and_phone_on_file_are_those_of_whmcs(identity) -> None:  # R007
    moved = BilledProfile("0312345678", form().address.model_copy(update={"postcode": "530-0001"}))
    identity.billing.profiles[7000] = moved
    await identity.confirm(await identity.request(form()))
    await identity.processes.run_until_idle()
    assert identity.accounts.profiles == [(ACCOUNT_ID, "hanako@example.jp", moved)]


async def test_nothing_is_made_before_the_mailbox_is_proven(identity) -> None:  # C39
    await identity.request(form())
    assert (identity.accounts.looked_up, identity.billing.asked) == (0, 0)


async def test_known_and_unknown_numbers_get_the_same_answer(identity) -> None:  # C39, D18
    await identity.confirm(await identity.request(form()))
    for number, request_id in (("SNX-10001", "request-0002"), ("SNX-99999", "request-0003")):
        command = RequestSignup(request_id=request_id, form=form(number), client_address="192.0.2.1")
        assert await identity.keep_signup(command) == SignupAccepted()


@pytest.mark.parametrize("number", ["SNX-99999", "SNX-10001", "SNX-10002"], ids=["unknown", "free", "taken"])
async def test_who_proves_nothing_hears_one_answer_whatever_the_number_is(identity, number) -> None:  # D18, C39, R021
    identity.accounts.by_number["SNX-10002"] = account(OTHER_ACCOUNT_ID, "taro@example.jp")
    await identity.confirm(await identity.request(form("SNX-10002", "taro@example.jp")))
    asked = identity.billing.asked
    token = await identity.request(form(number, "stranger@example.jp", "鈴木"), "request-0002")
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await identity.confirm(token)
        assert (caught.value.code, dict(caught.value.facts)) == ("CUSTOMER_NUMBER_NOT_PROVEN", {})
    assert identity.billing.asked == asked, "nothing is made"


async def test_staff_get_one_case_for_an_account_and_day_and_none_for_an_unknown_number(identity) -> None:  # C39
    for turn, number in enumerate(("SNX-10001", "SNX-99999", "SNX-10001")):
        stranger = form(number, f"stranger{turn}@example.jp", "鈴木")
        with pytest.raises(Refused, match="CUSTOMER_NUMBER_NOT_PROVEN"):
            await identity.confirm(await identity.request(stranger, f"request-000{turn}"))
    await identity.processes.run_until_idle()
    (key,) = identity.staff.cases
    assert key.startswith(f"claim-{ACCOUNT_ID}-")


async def test_a_proven_owner_hears_that_number_or_mailbox_are_taken(identity) -> None:  # R022
    identity.accounts.by_number["SNX-10002"] = account(OTHER_ACCOUNT_ID)
    await identity.confirm(await identity.request(form()))
    again = await identity.request(form(email="hanako.at.work@example.jp"), "request-0002")
    with pytest.raises(Refused, match="CUSTOMER_NUMBER_TAKEN"):
        await identity.confirm(again)
    other = await identity.request(form("SNX-10002"), "request-0003")
    with pytest.raises(Refused, match="EMAIL_TAKEN"):
        await identity.confirm(other)


async def test_who_waits_for_staff_is_told_so(identity) -> None:  # R254: no waiting for ever
    token = await identity.request(form())
    identity.billing.fails_with = [Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": "refused"})]
    with pytest.raises(Misconfigured, match="SALESFORCE_MISCONFIGURED"):
        await identity.confirm(token)
    parked = "UPDATE portal_process SET status = 'needs_human', due_at = NULL, code = 'TOO_MANY_FAILURES'"
    await identity.database.execute(parked)
    with pytest.raises(Refused, match="TOO_MANY_FAILURES"):
        await identity.confirm(token)


async def test_a_customer_who_has_a_billing_account_is_sent_to_linking(identity) -> None:  # R023
    identity.accounts.by_number["SNX-10001"] = account(whmcs_client_id="5011")
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await identity.confirm(await identity.request(form()))


async def test_a_lost_answer_of_billing_makes_one_client(identity) -> None:  # D05
    identity.billing.fails_with = [TryLater("IN_PROGRESS"), TryLater("IN_PROGRESS")]
    token = await identity.request(form())
    assert (await identity.confirm(token)).state == "working"
    async with asyncio.timeout(10):
        while (await identity.confirm(token)).state != "done":
            await asyncio.sleep(0.2)
    assert identity.billing.clients == {"SNX-10001": 7000}


async def test_the_customer_can_log_in_while_salesforce_is_still_to_be_told(identity) -> None:
    token = await identity.request(form())

    async def away(*_) -> None:
        raise TryLater("SALESFORCE_UNAVAILABLE")

    identity.accounts.register = away
    assert (await identity.confirm(token)).state == "done"
    await identity.open_session(login())


def login(password: str = PASSPHRASE) -> LogIn:
    return LogIn(request_id="request-login", email="Hanako@example.jp", password=password, client_address="192.0.2.1")


async def test_fifty_clicks_on_one_link_make_one_user(identity) -> None:
    token = await identity.request(form())
    answers = await asyncio.gather(*(identity.confirm(token) for _ in range(50)))
    assert {answer.state for answer in answers} == {"done"}
    assert await identity.database.fetchval("SELECT count(*) FROM customer_link") == 1
    assert sum(isinstance(event, CustomerRegistered) for event in identity.events) == 1


async def test_two_sign_ups_for_one_number_at_once_make_one_link(identity) -> None:  # R006
    tokens = [await identity.request(form(), f"request-000{number}") for number in range(4)]
    answers = await asyncio.gather(*(identity.confirm(token) for token in tokens), return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert await identity.database.fetchval("SELECT count(*) FROM customer_link") == 1


async def test_the_same_request_sent_twice_is_one_sign_up(identity) -> None:
    command = RequestSignup(request_id="request-0001", form=form(), client_address="192.0.2.1")
    await identity.keep_signup(command)
    await identity.keep_signup(command)
    assert sum(isinstance(event, SignupRequested) for event in identity.events) == 1


async def test_a_newer_link_kills_the_older_one(identity) -> None:
    older = await identity.request(form())
    signup_id = await identity.database.fetchval("SELECT id FROM signup")
    newer = (await identity.mint_link(MintSignupLink(signup_id=str(signup_id)))).token
    with pytest.raises(Refused, match="SIGNUP_LINK_INVALID"):
        await identity.confirm(older)
    assert (await identity.confirm(newer)).state == "done"


async def test_no_new_link_is_minted_once_the_sign_up_has_begun(identity) -> None:
    await identity.confirm(await identity.request(form()))
    signup_id = await identity.database.fetchval("SELECT id FROM signup")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.mint_link(MintSignupLink(signup_id=str(signup_id)))


async def test_the_mailboxs_owner_opens_no_door_for_a_stranger_who_sent_the_form(identity) -> None:  # C39
    token = await identity.request(form())
    for password in (None, "another-fake-passphrase"):
        with pytest.raises(Refused, match="SIGNUP_PASSWORD_WRONG"):
            await identity.confirm(token, password)
    assert await identity.database.fetchval("SELECT count(*) FROM portal_process") == 0
    assert (await identity.confirm(token)).state == "done"
    assert (await identity.confirm(token, None)).state == "done", "how far it is may be asked without it"


async def test_after_five_wrong_passwords_a_link_is_over(identity) -> None:  # C39
    token = await identity.request(form())
    wrong = [identity.confirm(token, f"a-wrong-fake-passphrase-{number}") for number in range(8)]
    answers = await asyncio.gather(*wrong, return_exceptions=True)
    assert sorted(answer.code for answer in answers) == ["SIGNUP_LINK_INVALID"] * 3 + ["SIGNUP_PASSWORD_WRONG"] * 5
    with pytest.raises(Refused, match="SIGNUP_LINK_INVALID"):
        await identity.confirm(token)
    assert (await identity.confirm(await identity.request(form(), "request-0002"))).state == "done"


@pytest.mark.parametrize("changes", [{"email": "mistyped@example.jp"}, {"password": "another-fake-passphrase"}])
async def test_one_key_is_not_taken_for_two_forms(identity, changes) -> None:  # R016
    sent = RequestSignup(request_id="request-0001", form=form(), client_address="192.0.2.1")
    await identity.keep_signup(sent)
    other = sent.model_copy(update={"form": sent.form.model_copy(update=changes)})
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await identity.keep_signup(other)
    await identity.confirm(await identity.request(form()))
    await identity.keep_signup(other)  # the form is forgotten by now, and nothing of it is told


async def test_an_expired_or_invented_link_is_refused(identity) -> None:
    token = await identity.request(form())
    await identity.database.execute("UPDATE signup SET link_expires_at = now() - interval '1 hour'")
    for bad in (token, "invented-" + "x" * 40):
        with pytest.raises(Refused, match="SIGNUP_LINK_INVALID"):
            await identity.confirm(bad)


async def test_a_weak_password_is_a_field_error_and_nothing_is_kept(identity) -> None:
    weak = form().model_copy(update={"password": "passwordpassword"})
    with pytest.raises(Refused) as caught:
        await identity.request(weak)
    assert [(fault.field, fault.code) for fault in caught.value.fields] == [("password", "PASSWORD_TOO_WEAK")]
    assert await identity.database.fetchval("SELECT count(*) FROM signup") == 0


async def test_forms_from_one_mailbox_are_slowed_down(identity) -> None:  # D18
    for number in range(identity.settings.signups_an_hour_per_email):
        await identity.request(form(), f"request-000{number}")
    with pytest.raises(TryLater) as caught:
        await identity.request(form(), "request-9999")
    assert caught.value.code == "RATE_LIMITED"
    assert caught.value.retry_after > 0


async def test_neither_password_nor_personal_data_stand_in_the_database_before_the_link_is_used(identity) -> None:
    await identity.request(form())
    row = str(dict(await identity.database.fetchrow("SELECT * FROM signup")))
    for secret in (PASSPHRASE, "hanako@example.jp", "山田", "神宮前"):
        assert secret not in row


async def test_the_form_is_forgotten_when_the_sign_up_is_through(identity) -> None:
    await identity.confirm(await identity.request(form()))
    assert await identity.database.fetchval("SELECT sealed_form FROM signup") is None


async def test_an_unknown_sign_up_has_no_link(identity) -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.mint_link(MintSignupLink(signup_id=str(uuid4())))
