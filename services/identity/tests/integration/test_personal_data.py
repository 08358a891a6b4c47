"""Everything about a customer in one file, and deletion per system with proof (D17)."""

from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from portal_chassis.testing import FakeBus
from portal_contracts.drift import LinkedClients
from portal_contracts.forgetting import FORGOTTEN, OpenBusiness, SupportForgotten
from portal_contracts.identity import LogIn, MintActor, SessionRevoked
from portal_contracts.identity_personal_data import (
    CustomerErased,
    DeletionRequested,
    RequestDeletion,
    WithdrawDeletion,
)
from portal_contracts.problems import Refused, TryLater
from portal_identity.consumers import register_news
from portal_identity.testing import ACCOUNT_ID, PASSPHRASE, account, form

ASK = {"request_id": "request-0001", "client_address": "192.0.2.1"}
PERSONAL = ("hanako@example.jp", "山田", "花子", "神宮前")


async def log_in(identity):
    session = await identity.open_session(LogIn(email="hanako@example.jp", password=PASSPHRASE, **ASK))
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    return identity.verifier.verify(minted.actor_token)


@pytest.fixture
async def me(identity):
    await identity.confirm(await identity.request(form()))
    return await log_in(identity)


async def carry_out(identity) -> None:
    """Let the time to think it over pass."""
    await identity.database.execute("UPDATE deletion SET erase_at = now() - interval '1 second'")
    await identity.database.execute("UPDATE portal_process SET due_at = now() WHERE due_at IS NOT NULL")
    await identity.processes.run_until_idle()


async def everything_kept(identity) -> str:
    """Give the text of every row but those of the fake outside."""
    tables = await identity.database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [await identity.database.fetch(f"SELECT * FROM {row['tablename']}") for row in tables]
    return str([[dict(one) for one in found] for found in rows])


async def test_the_export_holds_every_system_and_no_secret(identity, me) -> None:
    found = (await identity.export_data(me)).model_dump(mode="json")["systems"]
    assert set(found) == {"portal", "salesforce", "whmcs"}
    assert found["portal"]["user"]["email"] == "hanako@example.jp"
    assert [event["event"] for event in found["portal"]["securityEvents"]] == ["logged_in", "registered"]
    assert found["whmcs"].pop("whmcsClientId") == me.whmcs_client_id
    mine = [{"clientId": me.whmcs_client_id}]
    assert found["whmcs"] == {"invoices": mine, "services": mine, "paymentMethods": mine}
    of_the_portal = ("keptCart", "mailPreferences", "mails", "simLines", "lineChanges")
    assert [found["portal"][name] for name in of_the_portal] == [[{"accountId": me.account_id}]] * 5
    of_salesforce = ("orders", "numberPortings", "cases")
    assert [found["salesforce"][name] for name in of_salesforce] == [[{"accountId": me.account_id}]] * 3
    assert not any(secret in str(found) for secret in ("argon2", "token_hash", "sealed", "csrf"))


async def test_what_the_form_asked_of_the_person_is_in_the_export_until_the_account_is_deleted(identity) -> None:
    """R017, C10, D17: what is asked for is kept, and what is kept is told and forgotten."""
    asked = {"date_of_birth": date(1990, 4, 1), "nationality": "JP", "gender": "female"}
    await identity.confirm(await identity.request(form().model_copy(update=asked)))
    me = await log_in(identity)
    found = (await identity.export_data(me)).model_dump(mode="json")["systems"]
    (contact,) = (one for one in found["salesforce"]["contacts"] if one["Email"] == "hanako@example.jp")
    assert contact["Birthdate"] == "1990-04-01"
    assert (contact["Nationality__c"], contact["Gender__c"]) == ("JP", "Female")
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    await carry_out(identity)
    assert "1990-04-01" not in str(identity.accounts.people)


async def test_an_export_is_whole_or_there_is_none(identity, me) -> None:  # R255
    identity.accounts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    with pytest.raises(TryLater, match="SALESFORCE_UNAVAILABLE"):
        await identity.export_data(me)


async def test_an_export_waits_for_every_owner(identity, me) -> None:  # D17, R255
    identity.owners.fails_with = TryLater("SERVICE_UNAVAILABLE")
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await identity.export_data(me)


async def test_a_wish_waits_and_is_told_once(identity, me) -> None:
    first = await identity.delete_account.request(me, RequestDeletion(**ASK))
    again = await identity.delete_account.request(me, RequestDeletion(**{**ASK, "request_id": "request-0002"}))
    assert (first.state, again.deletion_id) == ("requested", first.deletion_id)
    await identity.processes.run_until_idle()
    assert (await log_in(identity)).user_id == me.user_id, "nothing happens before its time"
    assert sum(isinstance(event, DeletionRequested) for event in identity.events) == 1


async def test_in_time_nothing_names_the_person_any_more_and_each_system_has_its_proof(identity, me) -> None:
    wish = await identity.delete_account.request(me, RequestDeletion(**ASK))
    await carry_out(identity)
    kept = await everything_kept(identity)
    assert not [word for word in PERSONAL if word in kept]
    assert identity.accounts.erased == [ACCOUNT_ID]
    assert list(identity.staff.cases) == [f"deletion-{wish.deletion_id}"]
    (record,) = await identity.deletions.all(10)
    assert {proof.system: proof.action for proof in record.proofs} == {
        "portal": "erased",
        "salesforce": "anonymised",
        "whmcs": "handed_to_staff",
    }
    assert record.erased_at is not None
    assert SessionRevoked(session_id=me.session_id) in identity.events
    assert sum(isinstance(event, CustomerErased) for event in identity.events) == 1
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in(identity)


async def test_who_was_deleted_can_sign_up_anew(identity, me) -> None:
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    await carry_out(identity)
    number = "SNX-10001"
    identity.accounts.by_number[number] = (await identity.accounts.find(number)).__class__(
        ACCOUNT_ID, "山田 花子", "1500001", "", []
    )
    assert (await identity.confirm(await identity.request(form(), "request-0009"))).state == "done"


async def test_the_client_of_a_deleted_customer_is_told_from_one_that_nobody_ever_had(identity, me) -> None:  # D05, D17
    clients, (kept, stranger) = {me.whmcs_client_id: me.account_id}, (me.whmcs_client_id, 999_999)
    assert await identity.read_customer.linked([kept, stranger]) == LinkedClients(linked=clients)
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    assert await identity.read_customer.linked([kept, stranger]) == LinkedClients(linked=clients)
    await carry_out(identity)
    assert await identity.read_customer.linked([kept, stranger]) == LinkedClients(linked={}, deleted=clients)
    identity.accounts.by_number["SNX-10001"] = account()
    await identity.confirm(await identity.request(form(), "request-0009"))
    assert await identity.read_customer.linked([kept, stranger]) == LinkedClients(linked=clients)


async def test_a_wish_that_was_taken_back_erases_nothing(identity, me) -> None:
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    await identity.delete_account.withdraw(me, WithdrawDeletion(**ASK))
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.delete_account.withdraw(me, WithdrawDeletion(**ASK))
    await carry_out(identity)
    assert (await log_in(identity)).user_id == me.user_id
    assert (await identity.delete_account.read(me)).state == "none"
    await identity.delete_account.request(me, RequestDeletion(**{**ASK, "request_id": "request-0003"}))
    assert (await identity.delete_account.read(me)).state == "requested"


async def test_while_a_service_runs_nobody_is_forgotten(identity, me) -> None:
    identity.billing.with_services.add(me.whmcs_client_id)
    with pytest.raises(Refused, match="DELETION_NOT_POSSIBLE"):
        await identity.delete_account.request(me, RequestDeletion(**ASK))
    identity.billing.with_services.clear()
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    identity.billing.with_services.add(me.whmcs_client_id)
    await carry_out(identity)
    assert (await log_in(identity)).user_id == me.user_id
    identity.billing.with_services.clear()
    await carry_out(identity)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in(identity)


@pytest.mark.parametrize(
    ("under_way", "code"),
    [
        (OpenBusiness(orders=1), "DELETION_ORDER_OPEN"),
        (OpenBusiness(cancellations=1), "DELETION_CANCELLATION_OPEN"),
        (OpenBusiness(orders=1, cancellations=1), "DELETION_CANCELLATION_OPEN"),
    ],
)
async def test_while_something_is_under_way_nobody_is_forgotten(identity, me, under_way, code) -> None:
    identity.owners.under_way = under_way
    identity.billing.with_services.add(me.whmcs_client_id)
    with pytest.raises(Refused, match=code):
        await identity.delete_account.request(me, RequestDeletion(**ASK))
    identity.owners.under_way = OpenBusiness()
    identity.billing.with_services.clear()
    wish = await identity.delete_account.request(me, RequestDeletion(**ASK))
    identity.owners.under_way = under_way
    await carry_out(identity)
    blocked = await identity.processes.read("deletion", wish.deletion_id)
    assert (blocked.status, blocked.code) == ("blocked", code)
    identity.owners.under_way = OpenBusiness()
    await carry_out(identity)
    assert (await identity.deletions.all(1))[0].erased_at is not None


async def tell(identity, *told) -> None:
    """Deliver what services tell, each in a transaction of its own."""
    bus = FakeBus()
    register_news(bus, identity.processes, identity.deletions)
    for event in told:
        async with identity.database.transaction() as transaction:
            await bus.deliver(event, transaction)


async def systems_of(identity) -> dict[str, tuple[str, str]]:
    (record,) = await identity.deletions.all(10)
    return {one.system: (one.state, one.reason) for one in record.systems}


async def test_each_service_stands_open_until_it_told_what_it_forgot_and_what_it_keeps(identity, me) -> None:
    wish = await identity.delete_account.request(me, RequestDeletion(**ASK))
    assert {one.state for one in wish.systems} == {"open"}
    await carry_out(identity)
    states = {system: state for system, (state, _) in (await systems_of(identity)).items()}
    services = ("orders", "billing", "fulfillment", "support", "notifications")
    assert states == {"portal": "done", "salesforce": "done", "whmcs": "kept", **dict.fromkeys(services, "open")}
    removed = {"links": 2, "news": 0}
    law = {"removed": removed, "kept": {"orders": 1}, "because": "a law"}
    await tell(identity, *(told(user_id=me.user_id, **law) for told in FORGOTTEN if told is not SupportForgotten))
    await tell(identity, SupportForgotten(user_id=me.user_id, removed=removed, kept={}))
    stand = await systems_of(identity)
    assert stand["orders"] == ("kept", "removed: 2 links; kept: 1 orders (a law)")
    assert stand["support"] == ("done", "removed: 2 links")
    assert "open" not in {state for state, _ in stand.values()}


async def test_what_a_service_told_first_stands_and_strangers_have_no_deletion(identity, me) -> None:
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    early = SupportForgotten(user_id=me.user_id, removed={"links": 9}, kept={})
    await tell(identity, early)  # of a deletion that an older copy of the database knows nothing of
    assert (await systems_of(identity))["support"][0] == "open"
    await identity.delete_account.withdraw(me, WithdrawDeletion(**ASK))
    await identity.delete_account.request(me, RequestDeletion(**{**ASK, "request_id": "request-0004"}))
    await identity.database.execute("DELETE FROM deletion WHERE withdrawn_at IS NOT NULL")
    await carry_out(identity)
    first, again = (SupportForgotten(user_id=me.user_id, removed={"links": number}, kept={}) for number in (2, 0))
    stranger = SupportForgotten(user_id="7f0c7a52-5f6e-4b8f-9d4a-0d3a1d0f7b11", removed={}, kept={})
    await tell(identity, first, again, stranger)
    assert (await systems_of(identity))["support"] == ("done", "removed: 2 links")


async def test_the_news_of_a_deletion_says_when_it_was(identity, me) -> None:
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    await carry_out(identity)
    (erased,) = [event for event in identity.events if isinstance(event, CustomerErased)]
    assert abs(erased.erased_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_with_salesforce_away_it_goes_on_where_it_stood(identity, me) -> None:
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    identity.accounts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    await carry_out(identity)
    assert (await log_in(identity)).user_id == me.user_id
    identity.accounts.fails_with = None
    await carry_out(identity)
    assert (await identity.deletions.all(1))[0].erased_at is not None


async def test_the_audit_outlives_the_user_without_a_name(identity, me) -> None:
    await identity.delete_account.request(me, RequestDeletion(**ASK))
    await carry_out(identity)
    events = [event.event for event in await identity.audit.list(me.user_id, None, 50)]
    assert events[0] == "erased"
    with pytest.raises((asyncpg.RaiseError, asyncpg.InsufficientPrivilegeError)):
        await identity.database.execute("DELETE FROM audit_entry")
