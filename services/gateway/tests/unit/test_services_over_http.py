"""A service joined from its owners, and changes of its line over HTTP (R177, R178, C18)."""

import pytest

from portal_contracts import billing, cancellation, sim_lines
from portal_contracts.examples import example_of
from portal_contracts.problems import Misconfigured, Refused, TryLater

KEY = {"Idempotency-Key": "wish-0000001"}


@pytest.fixture(autouse=True)
def contract(portal):
    """The sales side, which no operation of its own asks for."""
    found = cancellation.ServiceContract.model_validate(example_of(cancellation.ServiceContract))
    portal.bus.reply(cancellation.ReadServiceContract, found)


async def test_a_service_is_joined_from_its_three_owners(portal, browser):
    found = (await browser.get("/services/8")).json()
    assert (found["subscription"], found["contract"], found["simLine"], found["unavailable"]) == (
        example_of(billing.Subscription),
        example_of(cancellation.ServiceContract),
        example_of(sim_lines.SimLine),
        [],
    )


@pytest.mark.parametrize("problem", [TryLater("SALESFORCE_UNAVAILABLE"), Misconfigured("SALESFORCE_MISCONFIGURED")])
async def test_an_owner_who_is_away_leaves_a_gap_that_is_named(portal, browser, problem):
    portal.bus.reply(cancellation.ReadServiceContract, problem)
    found = (await browser.get("/services/8")).json()
    assert (found["contract"], found["unavailable"]) == (None, ["contract"])
    assert found["simLine"] is not None


async def test_a_service_without_a_line_has_none_and_nothing_is_missing(portal, browser):
    portal.bus.reply(sim_lines.ReadSimLine, Refused("NOT_FOUND"))
    found = (await browser.get("/services/8")).json()
    assert (found["simLine"], found["unavailable"]) == (None, [])


async def test_whmcs_decides_whose_service_it_is(portal, browser):
    portal.bus.reply(billing.ReadSubscription, Refused("NOT_FOUND"))
    assert (await browser.get("/services/8")).status_code == 404


@pytest.mark.parametrize(("state", "status"), [("working", 202), ("unclear", 202), ("done", 200), ("refused", 200)])
async def test_a_change_of_a_line_says_how_it_stands_and_where_to_look(portal, browser, state, status):
    change = sim_lines.LineChange.model_validate({**example_of(sim_lines.LineChange), "state": state})
    portal.bus.reply(sim_lines.TopUpSim, change)
    answer = await browser.post("/subscriptions/8/topup", json={"megabytes": 1000}, headers=KEY)
    assert (answer.status_code, answer.json()["state"]) == (status, state)
    assert answer.headers.get("location") == (f"/line-changes/{change.change_id}" if status == 202 else None)
    (asked,) = portal.asked(sim_lines.TopUpSim)
    assert (asked.request_id, asked.service_id, asked.megabytes) == ("wish-0000001", 8, 1000)


async def test_a_new_esim_is_not_issued_to_who_has_not_said_that_the_old_one_ends(portal, browser):  # D11
    answer = await browser.post("/subscriptions/8/reissue-esim", json={"confirmed": False}, headers=KEY)
    assert answer.status_code == 422
    assert portal.asked(sim_lines.ReissueEsim) == []


async def test_a_cancellation_is_taken_back_with_delete(portal, browser):
    assert (await browser.delete("/subscriptions/8/cancellation", headers=KEY)).status_code == 200
    (asked,) = portal.asked(cancellation.RevokeCancellation)
    assert (asked.service_id, asked.request_id) == (8, "wish-0000001")
