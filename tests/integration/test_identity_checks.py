"""A customer proves who they are at the eKYC provider, and staff's review of a voice line sees it (C26)."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from portal_local.demo.customer import eventually
from portal_testing.invariants import broken_silence
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.subscribers import refusal

BEGIN, CONCLUDE = "/me/verification/sim_voice/identity-check", "/auth/verification"
BORN = "1990-04-01"
HANAKO = {"family_name": "見本", "given_name": "花子", "birthdate": BORN}


async def brought_back(shopper: Shopper, **card: str) -> dict[str, str]:
    """Begin a check and have a card read; give what the browser comes back with."""
    begun = await shopper.customer.post(BEGIN, {})
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(begun["url"], data=card)
    back = urlsplit(answer.headers["location"])
    assert back.path == CONCLUDE
    return {name: values[0] for name, values in parse_qs(back.query).items()}


@pytest.fixture
async def newcomer(shoppers) -> Shopper:
    """Somebody whose birth date is on file."""
    shopper = await shoppers.unknown()
    await shopper.journey.sign_up(shopper.person, dateOfBirth=BORN)
    await shopper.journey.add_card()
    return shopper


async def identity_finding(shopper: Shopper, order_id: str) -> str:
    async def finding() -> str | None:
        text = (await shopper.salesforce.read("Order", order_id))["Description"] or ""
        return next((line for line in text.splitlines() if " Identity: " in line), None)

    return str(await eventually(finding, "the review card"))


async def test_a_voice_customer_who_proved_it_passes_the_review(
    newcomer: Shopper, portal_stack: PortalStack
) -> None:  # C26, R198
    account_id = (await newcomer.customer.get("/me"))["accountId"]

    async def on_file() -> bool:
        query = f"SELECT Birthdate FROM Contact WHERE AccountId = '{account_id}'"
        return any(contact["Birthdate"] == BORN for contact in await newcomer.salesforce.query(query))

    await eventually(on_file, "the birth date in Salesforce")
    assert await refusal(newcomer.customer.post(CONCLUDE, await brought_back(newcomer, decision="cancel"))) == (
        409,
        "IDENTITY_NOT_PROVEN",
    )
    assert (await newcomer.customer.get("/me/verification"))["status"] == "not_submitted"
    answer = await brought_back(newcomer, **HANAKO)
    concluded = await newcomer.customer.post(CONCLUDE, answer)
    assert (concluded["outcome"], concluded["verification"]["status"]) == ("alike", "verified")
    assert await newcomer.customer.post(CONCLUDE, answer) == concluded, "a lost answer is given again"
    account = await newcomer.salesforce.read("Account", account_id)
    assert account["Id_Verification_Submitted_Date_Time__c"] is None
    assert account["Id_Verification_Note__c"].startswith("Verified ")
    order_id = await newcomer.order_esim()
    assert "verified, to be verified by external" in await identity_finding(newcomer, order_id)
    assert await broken_silence(portal_stack, order_id) == []


async def test_somebody_elses_card_is_told_to_customer_and_staff(newcomer: Shopper) -> None:  # R199, R201
    answer = await brought_back(newcomer, **{**HANAKO, "given_name": "太郎"})
    concluded = await newcomer.customer.post(CONCLUDE, answer)
    assert (concluded["outcome"], concluded["verification"]["status"]) == ("different", "rejected")
    assert "氏名" in concluded["verification"]["rejection"]
    account_id = (await newcomer.customer.get("/me"))["accountId"]

    async def case() -> str | None:
        query = f"SELECT Description FROM Case WHERE AccountId = '{account_id}' AND Type = 'ID Verification'"
        return next((str(found["Description"]) for found in await newcomer.salesforce.query(query)), None)

    text = str(await eventually(case, "the case for staff"))
    assert "name" in text
    assert "太郎" not in text
