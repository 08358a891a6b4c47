"""Links into WHMCS in a real Postgres: five a minute for each customer, whoever asks at once; never the link itself."""

import asyncio

import pytest

from portal_billing.store_sign_ons import AT_MOST, PostgresSignOnLog
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts.problems import TryLater

CLIENT = 5011
BACK = "UPDATE sign_on_link SET asked_at = asked_at - make_interval(secs => $1)"


@pytest.fixture
async def database(database_url):
    opened = Database(database_url, name="test", connections=10)
    opened.told = []

    async def record(_, event, _soon):
        opened.told.append(event)

    opened.record_with(record)
    await migrate(opened, "portal_chassis", "portal_billing")
    await opened.connect()
    yield opened
    await opened.close()


@pytest.fixture
def log(database):
    return PostgresSignOnLog(database)


async def pass_seconds(database, seconds):
    async with database.transaction() as transaction:
        await transaction.execute(BACK, float(seconds))


async def test_the_sixth_link_within_a_minute_has_to_wait_and_other_customers_do_not(log, database):
    for _ in range(AT_MOST):
        await log.admit(CLIENT, "u", "invoice", 7)
    for _ in range(3):
        with pytest.raises(TryLater, match="RATE_LIMITED") as told:
            await log.admit(CLIENT, "u", "home", None)
        assert 1 <= told.value.retry_after <= 60
        assert told.value.facts["seconds"] == told.value.retry_after
    await log.admit(CLIENT + 1, "other", "home", None)
    await pass_seconds(database, 61)
    await log.admit(CLIENT, "u", "home", None)


async def test_the_owner_can_read_of_each_link_and_not_of_refused_tries(log, database):  # R050
    for _ in range(AT_MOST):
        await log.admit(CLIENT, "u", "invoice", 7)
    with pytest.raises(TryLater):
        await log.admit(CLIENT, "u", "home", None)
    asked = {row["asked_at"] for row in await database.fetch("SELECT asked_at FROM sign_on_link")}
    assert {event.at for event in database.told} == asked
    assert [(event.whmcs_client_id, event.what) for event in database.told] == [(CLIENT, "sso_link_asked")] * AT_MOST


async def test_a_crowd_of_clicks_gets_no_more_than_allowed(log):
    results = await asyncio.gather(*(log.admit(CLIENT, "u", "home", None) for _ in range(30)), return_exceptions=True)
    assert results.count(None) == AT_MOST
    assert {type(result) for result in results} == {type(None), TryLater}


async def test_the_audit_says_who_when_and_whereto(log, database):
    await log.admit(CLIENT, "u", "service", 8)
    row = dict(await database.fetchrow("SELECT * FROM sign_on_link"))
    assert {name: row[name] for name in row if name not in ("id", "asked_at")} == {
        "whmcs_client_id": CLIENT,
        "user_id": "u",
        "destination": "service",
        "related_id": 8,
    }
