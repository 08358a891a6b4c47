"""A check at the eKYC provider over HTTP: begun, brought back, told (C26)."""

import pytest

from portal_contracts.identity_verification import BeginIdentityCheck, ConcludeIdentityCheck
from portal_contracts.problems import Refused, TryLater

BROUGHT = {"state": "a-state-0000000000000000", "code": "a-code"}


async def test_the_address_of_the_provider_is_kept_by_nobody(portal, browser):
    answer = await browser.post("/me/verification/sim_voice/identity-check")
    assert answer.status_code == 200
    assert set(answer.json()) == {"url", "expiresAt"}
    assert answer.headers["cache-control"] == "no-store"
    (command,) = portal.asked(BeginIdentityCheck)
    assert (command.commodity, command.client_address) == ("sim_voice", "192.0.2.7")


async def test_what_the_browser_brings_back_is_passed_on_with_its_session(portal, browser):
    answer = await browser.post("/auth/verification", json=BROUGHT)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    (command,) = portal.asked(ConcludeIdentityCheck)
    assert (command.form.state, command.form.code, command.form.error) == (*BROUGHT.values(), None)
    assert "a-code" not in repr(command)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "a-code"},
        {**BROUGHT, "state": "short"},
        {**BROUGHT, "code": "x" * 2049},
        {**BROUGHT, "code": "氏名"},
    ],
)
async def test_what_no_provider_gives_is_refused_before_anybody_is_asked(portal, browser, body):
    answer = await browser.post("/auth/verification", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert portal.asked(ConcludeIdentityCheck) == []


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (Refused("IDENTITY_NOT_PROVEN"), 409),
        (Refused("IDENTITY_CHECK_OVER"), 404),
        (Refused("PERSON_INCOMPLETE"), 409),
        (TryLater("IDENTITY_PROVIDER_UNAVAILABLE"), 503),
        (TryLater("IN_PROGRESS"), 409),
    ],
)
async def test_how_it_ended_is_told_as_a_problem(portal, browser, problem, status):
    portal.bus.reply(ConcludeIdentityCheck, problem)
    answer = await browser.post("/auth/verification", json=BROUGHT)
    assert (answer.status_code, answer.json()["code"]) == (status, problem.code)


async def test_the_page_that_brings_it_back_needs_no_session_and_shows_nothing_of_it(portal, visitor):
    answer = await visitor.get("/auth/verification", params=BROUGHT)
    assert answer.status_code == 200
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "a-code" not in answer.text
    assert portal.bus.asked == []
