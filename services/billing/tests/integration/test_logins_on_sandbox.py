"""Proof of a WHMCS log-in on the sandbox (C21, R036–R038, R045)."""

import pytest

from portal_billing.main import logins_on
from portal_billing.whmcs_api import connect
from portal_chassis.clocks import SystemMachineClock
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_sandbox.whmcs.users import hash_password

EMAIL = "legacy@example.jp"
PASSWORD = "whmcs-canary-passw0rd & <äöü> 日本"


@pytest.fixture
async def logins(sandbox_whmcs):
    connection = connect(sandbox_whmcs.settings(), SystemMachineClock())
    yield logins_on(connection)
    await connection.close()


@pytest.fixture
def user(sandbox_whmcs):
    """Give a function that makes a user who owns these clients; gives the user's id, which is no client's."""

    def made(*owned, email=EMAIL, two_factor=False, guest_of=()):
        with sandbox_whmcs.core.store.transaction() as db:
            row = ("A", "B", email, hash_password(PASSWORD), "2020-01-01 00:00:00", int(two_factor))
            columns = "firstname, lastname, email, password_hash, created, two_factor"
            user_id = db.execute(f"INSERT INTO whmcs_user ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row).lastrowid
            for client_id, is_owner in [*((one, 1) for one in owned), *((one, 0) for one in guest_of)]:
                db.execute(
                    "INSERT INTO whmcs_user_client (user_id, client_id, is_owner) VALUES (?, ?, ?)",
                    (user_id, client_id, is_owner),
                )
        return user_id

    return made


async def test_a_right_password_gives_the_client_the_user_owns(logins, user) -> None:
    user(5011, guest_of=(5012,))
    proven = await logins.prove(EMAIL.upper(), PASSWORD)
    assert (proven.whmcs_client_id, proven.email, proven.second_factor) == (5011, EMAIL, False)
    assert proven.customer_number.startswith("SNX-")
    assert proven.name.family_name


async def test_a_second_factor_is_told(logins, user) -> None:
    user(5011, two_factor=True)
    assert (await logins.prove(EMAIL, PASSWORD)).second_factor is True


@pytest.mark.parametrize(("email", "password"), [(EMAIL, "wrong"), ("nobody@example.jp", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_address_are_told_alike(logins, user, email, password) -> None:
    user(5011)
    with pytest.raises(Refused) as caught:
        await logins.prove(email, password)
    assert (caught.value.code, caught.value.facts) == ("CREDENTIALS_WRONG", {})


@pytest.mark.parametrize("owned", [(), (5011, 5012)])
async def test_a_user_with_no_client_or_several_cannot_be_linked_alone(logins, user, owned) -> None:
    user(*owned)
    with pytest.raises(Refused, match="LINKING_NOT_POSSIBLE"):
        await logins.prove(EMAIL, PASSWORD)


async def test_somebody_whose_address_begins_alike_is_not_taken_for_the_user(logins, user) -> None:
    user(5012, email=f"{EMAIL}.example.jp")
    user(5011)
    assert (await logins.prove(EMAIL, PASSWORD)).whmcs_client_id == 5011


@pytest.mark.parametrize("kind", ["after_effect", "refused", "malformed"])
async def test_a_lost_answer_asks_to_come_back_and_tries_the_password_once(logins, user, sandbox_whmcs, kind) -> None:
    user(5011)
    sandbox_whmcs.fault("ValidateLogin", kind, times=1)
    with pytest.raises((TryLater, Misconfigured)):
        await logins.prove(EMAIL, PASSWORD)
    assert sandbox_whmcs.calls("ValidateLogin") <= 1
    assert (await logins.prove(EMAIL, PASSWORD)).whmcs_client_id == 5011


async def test_the_password_appears_in_no_log_and_no_error(logins, user, sandbox_whmcs, capsys) -> None:  # R045, R268
    user(5011)
    await logins.prove(EMAIL, PASSWORD)
    said = []
    for password in (f"{PASSWORD}x", PASSWORD):
        sandbox_whmcs.fault("ValidateLogin", "after_effect" if password == PASSWORD else "late", times=1)
        try:
            await logins.prove(EMAIL, password)
        except (Refused, TryLater, Misconfigured) as problem:
            said += [repr(problem), repr(problem.__cause__), repr(problem.__context__)]
    captured = capsys.readouterr()
    assert "whmcs-canary" not in captured.out + captured.err + "".join(said)
