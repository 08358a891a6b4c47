"""Linking an account of before the portal (R036–R045, C21)."""

import asyncio

import pytest

from portal_chassis.deadline import Deadline
from portal_contracts.billing_logins import ProvenLogin
from portal_contracts.identity import CustomerRegistered, LogIn
from portal_contracts.identity_linking import (
    ContinueLinking,
    CustomerLinked,
    LinkAccount,
    LinkCodeForm,
    LinkCodeRequested,
    LinkForm,
    MintLinkCode,
)
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import PersonName
from portal_identity.testing import ACCOUNT_ID, PASSPHRASE, account, form

EMAIL = "legacy@example.jp"
WHMCS_PASSWORD = "canary-of-the-whmcs-password"
ADDRESS = "192.0.2.1"


@pytest.fixture
def login(identity):
    """Give a function that makes the WHMCS log-in of the customer."""

    def known(**changes) -> ProvenLogin:
        given = {
            "whmcs_client_id": 4711,
            "email": EMAIL,
            "name": PersonName(family_name="山田", given_name="花子"),
            "customer_number": "SNX-10001",
            "second_factor": False,
        }
        proven = ProvenLogin(**{**given, **changes})
        identity.billing.logins[EMAIL] = (WHMCS_PASSWORD, proven)
        return proven

    known()
    return known


def wanted(password: str = PASSPHRASE, whmcs_password: str = WHMCS_PASSWORD, address: str = ADDRESS) -> LinkAccount:
    given = LinkForm(email=EMAIL, whmcs_password=whmcs_password, password=password, confirm_password=password)
    return LinkAccount(request_id="request-0001", form=given, client_address=address)


async def begin(identity, command: LinkAccount | None = None):
    return await identity.begin_linking(command or wanted(), Deadline.after(10))


async def go_on(identity, token: str, code: str | None = None):
    command = ContinueLinking(
        request_id="request-0002", form=LinkCodeForm(token=token, code=code), client_address=ADDRESS
    )
    return await identity.go_on_linking(command, Deadline.after(10))


async def mailed_code(identity) -> str:
    (event,) = [event for event in identity.events if isinstance(event, LinkCodeRequested)][-1:]
    mail = await identity.mint_link_code(MintLinkCode(link_id=event.link_id))
    assert (mail.email, mail.name.family_name) == (EMAIL, "山田")
    return mail.code


async def log_in(identity, password: str):
    return await identity.open_session(
        LogIn(request_id="request-0003", email=EMAIL, password=password, client_address=ADDRESS)
    )


async def users(identity) -> int:
    return await identity.database.fetchval("SELECT count(*) FROM portal_user")


async def test_a_right_password_joins_all_three_ids(identity, login) -> None:  # R038–R041
    assert (await begin(identity)).state == "done"
    session = await log_in(identity, PASSPHRASE)
    me = await identity.read_customer.me(session.user_id)
    assert (me.account_id, me.whmcs_client_id, me.customer_number) == (ACCOUNT_ID, 4711, "SNX-10001")
    assert identity.accounts.registered[ACCOUNT_ID] == (4711, "Legacy")
    assert identity.accounts.contacts[ACCOUNT_ID] == EMAIL
    kinds = [type(event) for event in identity.events]
    assert (kinds.count(CustomerLinked), kinds.count(CustomerRegistered)) == (1, 0)


async def test_afterwards_only_the_portal_password_works(identity, login) -> None:  # R042, R043
    await begin(identity)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in(identity, WHMCS_PASSWORD)


async def test_the_whmcs_password_is_asked_with_once_and_kept_nowhere(identity, login, capsys) -> None:  # R045, R279
    await begin(identity)
    assert identity.billing.tried == [(EMAIL, WHMCS_PASSWORD)]
    tables = await identity.database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for row in tables:
        rows = await identity.database.fetch(f"SELECT * FROM {row['tablename']}")
        assert WHMCS_PASSWORD not in str([dict(one) for one in rows]), row["tablename"]
    captured = capsys.readouterr()
    assert WHMCS_PASSWORD not in captured.out + captured.err + repr(wanted())


async def test_a_wrong_password_makes_nothing(identity, login) -> None:  # R037
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await begin(identity, wanted(whmcs_password="wrong"))
    assert await users(identity) == 0
    assert identity.accounts.registered == {}
    assert await identity.database.fetchval("SELECT count(*) FROM linking") == 0
    assert await identity.database.fetchval("SELECT event FROM audit_entry") == "link_failed"


async def test_the_portal_password_is_a_new_one(identity, login) -> None:  # R042
    with pytest.raises(Refused, match="PASSWORD_TOO_WEAK"):
        await begin(identity, wanted(password=WHMCS_PASSWORD))
    assert identity.billing.tried == [], "nothing is tried at WHMCS for a form that cannot succeed"


async def test_three_tries_an_hour_reach_whmcs(identity, login) -> None:  # C21
    for _ in range(3):
        with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
            await begin(identity, wanted(whmcs_password="wrong"))
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await begin(identity, wanted(address="198.51.100.7"))
    assert len(identity.billing.tried) == 3


async def test_with_a_second_factor_in_whmcs_the_password_is_not_enough(identity, login) -> None:  # C21
    login(second_factor=True)
    begun = await begin(identity)
    assert (begun.state, await users(identity)) == ("code_sent", 0)
    assert (await go_on(identity, begun.token)).state == "code_sent"
    with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
        await go_on(identity, begun.token, "000000x")
    assert (await go_on(identity, begun.token, await mailed_code(identity))).state == "done"
    assert (await go_on(identity, begun.token)).state == "done"
    assert await users(identity) == 1


async def test_five_codes_are_tried_and_no_more(identity, login) -> None:
    login(second_factor=True)
    begun = await begin(identity)
    right = await mailed_code(identity)
    for guess in range(5):
        with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
            await go_on(identity, begun.token, f"{(int(right) + 1 + guess) % 1_000_000:06}")
    await mailed_code(identity)  # the mail's step may run again: the tries stay counted
    with pytest.raises(Refused, match="LINKING_OVER"):
        await go_on(identity, begun.token, right)
    assert await users(identity) == 0


@pytest.mark.parametrize("change", ["minutes", "replaced"])
async def test_an_old_or_replaced_code_is_no_good(identity, login, change) -> None:
    login(second_factor=True)
    begun = await begin(identity)
    code = await mailed_code(identity)
    if change == "minutes":
        identity.clock.advance(901)
    else:
        while await mailed_code(identity) == code:
            pass
    with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
        await go_on(identity, begun.token, code)


async def test_a_token_nobody_got_opens_nothing(identity, login) -> None:
    with pytest.raises(Refused, match="LINKING_OVER"):
        await go_on(identity, "x" * 43)


@pytest.mark.parametrize("number", ["", "SNX-99999", "ナンバー"])
async def test_without_an_account_for_the_number_staff_look_at_it(identity, login, number) -> None:
    login(customer_number=number)
    with pytest.raises(Refused, match="LINKING_NOT_POSSIBLE"):
        await begin(identity)
    assert len(identity.staff.cases) == 1
    assert await users(identity) == 0


async def test_an_account_of_another_client_is_a_mismatch(identity, login) -> None:
    identity.accounts.by_number["SNX-10001"] = account(whmcs_client_id="9999")
    with pytest.raises(Refused, match="LINK_MISMATCH"):
        await begin(identity)
    assert await users(identity) == 0


async def test_an_account_that_names_this_client_already_is_linked(identity, login) -> None:
    identity.accounts.by_number["SNX-10001"] = account(whmcs_client_id="4711")
    assert (await begin(identity)).state == "done"


async def test_who_is_linked_already_is_told_after_the_proof(identity, login) -> None:  # R022
    await begin(identity)
    with pytest.raises(Refused, match="CUSTOMER_NUMBER_TAKEN"):
        await begin(identity)
    assert await users(identity) == 1


async def test_who_signed_up_with_the_number_cannot_be_linked_over(identity, login) -> None:  # §5.8: one owner
    await identity.confirm(await identity.request(form()))
    with pytest.raises(Refused, match="CUSTOMER_NUMBER_TAKEN"):
        await begin(identity)


async def failures_noted(identity) -> list[tuple[str | None, str, str]]:
    statement = "SELECT user_id::text, facts->>'address', facts->>'code' FROM audit_entry WHERE event = 'link_failed'"
    return [tuple(row) for row in await identity.database.fetch(statement)]


async def test_who_has_the_mailbox_here_reads_that_somebody_tried_and_nobody_else(identity, login) -> None:  # R050
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await begin(identity, wanted(whmcs_password="wrong"))
    assert await failures_noted(identity) == [(None, ADDRESS, "CREDENTIALS_WRONG")]
    await identity.confirm(await identity.request(form(email=EMAIL)))
    owner = await identity.database.fetchval("SELECT id::text FROM portal_user")
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await begin(identity, wanted(whmcs_password="wrong"))
    assert (await failures_noted(identity))[1:] == [(owner, ADDRESS, "CREDENTIALS_WRONG")]
    found = await identity.audit.list(owner, None, 1)
    assert [(one.event, one.client_address) for one in found] == [("link_failed", ADDRESS)]


async def test_whose_number_somebody_else_proved_a_log_in_for_reads_of_it(identity, login) -> None:  # R050, §5.8
    await identity.confirm(await identity.request(form()))
    owner = await identity.database.fetchval("SELECT id::text FROM portal_user")
    with pytest.raises(Refused, match="CUSTOMER_NUMBER_TAKEN"):
        await begin(identity, wanted(address="198.51.100.7"))
    assert await failures_noted(identity) == [(owner, "198.51.100.7", "CUSTOMER_NUMBER_TAKEN")]


async def test_many_at_once_make_one_link(identity, login) -> None:  # reliability.md (c) §7: fifty
    identity.settings.__dict__.update({"linkings_an_hour_per_account": 50, "linkings_an_hour_per_address": 50})
    begun = await asyncio.gather(*(begin(identity) for _ in range(50)), return_exceptions=True)
    await identity.processes.run_until_idle()
    assert await users(identity) == 1
    assert {type(one) for one in begun if isinstance(one, BaseException)} <= {Refused, TryLater}
    assert sum(isinstance(event, CustomerLinked) for event in identity.events) == 1


async def test_while_salesforce_is_away_the_customer_can_come_back_on_any_device(identity, login) -> None:
    identity.accounts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    begun = await begin(identity)
    assert begun.state == "working"
    identity.accounts.fails_with = None
    await identity.database.execute("UPDATE portal_process SET due_at = now() WHERE due_at IS NOT NULL")
    await identity.processes.run_until_idle()
    assert (await go_on(identity, begun.token)).state == "done"
    sealed = await identity.database.fetchval("SELECT sealed_details FROM linking")
    assert sealed is None, "what is known of the customer goes with the last step"


async def test_a_log_in_that_owns_no_single_client_is_a_case_for_staff_once(identity, login) -> None:  # R038
    login()

    async def no_single_client(*_: object) -> None:
        raise Refused("LINKING_NOT_POSSIBLE")

    identity.billing.prove_login = no_single_client
    for number in range(2):
        with pytest.raises(Refused, match="LINKING_NOT_POSSIBLE") as caught:
            await begin(identity, wanted().model_copy(update={"request_id": f"request-000{number}"}))
        assert caught.value.facts == {"case_id": "case-1"}
    (key,) = identity.staff.cases
    assert key.startswith("link-mailbox-")
    assert "example" not in key
