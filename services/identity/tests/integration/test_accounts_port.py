"""The port's one suite: on the fake, and on the sandbox or a real org (architecture §12).

A real org needs the Customer Number of a test account with a contact in PORTAL_TEST_CUSTOMER_NUMBER; its link fields
and contacts are written.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from portal_contracts.identity import SignupForm
from portal_contracts.problems import Misconfigured, TryLater
from portal_contracts.values import Address, PersonName, comparable_email, comparable_postcode, long_salesforce_id
from portal_identity.ports import AccountOnFile, Accounts, AccountUnclear, BilledProfile, NewContact
from portal_identity.salesforce import SalesforceAccounts
from portal_identity.testing import InMemoryAccounts, account, form
from portal_salesforce import Salesforce
from portal_salesforce.soql import equals, select

pytestmark = pytest.mark.real_vendor

NUMBER = os.environ.get("PORTAL_TEST_CUSTOMER_NUMBER", "SNX-10001")


@dataclass
class Org:
    """The port under test."""

    accounts: Accounts

    async def account(self) -> AccountOnFile:
        found = await self.accounts.find(NUMBER)
        assert found is not None
        return found

    async def form(self, email: str | None = None) -> SignupForm:
        """A form of the account's customer, by default from the mailbox on file."""
        return form(NUMBER, email or (await self.account()).contacts[0].email)

    async def mailboxes(self) -> list[str]:
        return sorted(comparable_email(contact.email) for contact in (await self.account()).contacts)


@dataclass
class FakeOrg(Org):
    accounts: InMemoryAccounts

    async def go_away(self) -> None:
        self.accounts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")


@dataclass
class SalesforceOrg(Org):
    sandbox: Any

    async def go_away(self) -> None:
        if self.sandbox is None:
            pytest.skip("a real org is not ours to take away")
        self.sandbox.faults.arm({"vendor": "salesforce", "call": "*", "kind": "refused", "times": None})


@pytest.fixture
def fake_org() -> Org:
    return FakeOrg(InMemoryAccounts(**{NUMBER.replace("-", "_"): account()}))


@pytest.fixture
def salesforce_org(request, salesforce: Salesforce) -> Org:
    real = os.environ.get("PORTAL_TEST_REAL_SALESFORCE") == "1"
    return SalesforceOrg(SalesforceAccounts(salesforce), None if real else request.getfixturevalue("sandbox"))


@pytest.fixture(params=["fake", "salesforce"])
def org(request) -> Org:
    return request.getfixturevalue(f"{request.param}_org")


def new_mailbox() -> str:
    return f"Portal-Test-{secrets.token_hex(6)}@example.jp"


async def test_a_customer_number_finds_its_account_with_contacts(org: Org) -> None:  # R020
    found = await org.account()
    assert long_salesforce_id(found.account_id) == found.account_id
    assert found.name
    assert len(comparable_postcode(found.postcode)) == len("150-0001")
    assert all(contact.email and contact.family_name for contact in found.contacts)


async def test_a_number_nobody_has_finds_nothing(org: Org) -> None:  # R021
    assert await org.accounts.find("SNX-00000") is None


async def test_a_registered_account_names_its_client_however_often_it_is_told(org: Org) -> None:  # R027-R029
    before = await org.account()
    for _ in range(2):
        await org.accounts.register(before.account_id, 7001, "Portal Signup")
    after = await org.account()
    assert (after.account_id, after.whmcs_client_id) == (before.account_id, "7001")
    assert list(after.contacts) == list(before.contacts)


async def test_a_contact_with_the_mailbox_is_left_alone(org: Org) -> None:  # R030
    before = await org.account()
    known = before.contacts[0].email
    for typed in (known, known.upper()):
        await org.accounts.ensure_contact(before.account_id, await org.form(typed))
    assert list((await org.account()).contacts) == list(before.contacts)


async def test_a_new_mailbox_becomes_one_contact_however_often_it_is_told(org: Org) -> None:  # R030
    account_id, before, fresh = (await org.account()).account_id, await org.mailboxes(), new_mailbox()
    for _ in range(3):
        await org.accounts.ensure_contact(account_id, await org.form(fresh))
    assert await org.mailboxes() == sorted([*before, comparable_email(fresh)])


async def test_what_the_form_asks_of_a_person_is_kept_exported_and_erased(org: Org) -> None:  # R017, C10, D17
    account_id, fresh = (await org.account()).account_id, new_mailbox()
    name = (await org.form(fresh)).name

    async def kept() -> dict[str, Any]:
        contacts = (await org.accounts.everything(account_id))["contacts"]
        (found,) = (one for one in contacts if comparable_email(one["Email"] or "") == comparable_email(fresh))
        return {one: found[one] or "" for one in ("Birthdate", "Nationality__c", "Gender__c")}

    await org.accounts.ensure_contact(account_id, NewContact(fresh, name, gender="female"))
    assert await kept() == {"Birthdate": "", "Nationality__c": "", "Gender__c": "Female"}
    full = NewContact(fresh.upper(), name, None, date(1990, 4, 1), "JP", "other")
    for _ in range(2):
        await org.accounts.ensure_contact(account_id, full)
        filled = await kept()
        assert filled == {"Birthdate": "1990-04-01", "Nationality__c": "JP", "Gender__c": "Female"}, "none replaced"
    await org.accounts.erase(account_id, fresh)
    left = (await org.accounts.everything(account_id))["contacts"]
    assert not [one for one in left if "1990-04-01" in one.values()]


async def test_more_than_a_contact_keeps_is_no_dead_end_for_who_is_linked(salesforce_org: Org) -> None:  # R030, D16
    account_id = (await salesforce_org.account()).account_id
    mailbox = f"portal-test-{secrets.token_hex(40)}@example.jp"
    name = PersonName(family_name=secrets.token_hex(40), given_name="花" * 80)
    for _ in range(2):
        await salesforce_org.accounts.ensure_contact(account_id, NewContact(mailbox, name))
    contacts = (await salesforce_org.accounts.everything(account_id))["contacts"]
    (made,) = (one for one in contacts if one["LastName"] == name.family_name)
    assert (made["FirstName"], made["Email"]) == ("花" * 40, None), "cut, and no half of an address"


async def test_a_refused_write_is_a_persons_to_mend(salesforce_org: Org) -> None:  # R236: a code and an owner
    account_id, form = (await salesforce_org.account()).account_id, await salesforce_org.form(new_mailbox())
    refused = NewContact(form.email, PersonName(family_name="山" * 80, given_name="花子"), phone="0" * 41)
    with pytest.raises(Misconfigured) as caught:
        await salesforce_org.accounts.ensure_contact(account_id, refused)
    assert caught.value.code == "SALESFORCE_MISCONFIGURED"
    assert caught.value.facts["message"] == "a write of Contact was refused: STRING_TOO_LONG Phone"


async def test_a_mailbox_on_file_finds_its_account_and_a_strange_one_nothing(org: Org) -> None:  # C08
    before = await org.account()
    fresh = new_mailbox()
    await org.accounts.ensure_contact(before.account_id, await org.form(fresh))
    found = await org.accounts.find_by_email(fresh.lower())
    assert found is not None
    assert (found.account_id, found.customer_number) == (before.account_id, NUMBER)
    assert await org.accounts.find_by_email(new_mailbox()) is None


async def test_a_mailbox_of_several_accounts_is_no_ones(org: Org) -> None:  # C08: another one would be a duplicate
    mailbox = new_mailbox()
    contact = await org.form(mailbox)
    other = await org.accounts.open_account(f"PT-{secrets.token_hex(6).upper()}", contact)
    for account_id in (other, (await org.account()).account_id):
        await org.accounts.ensure_contact(account_id, contact)
    with pytest.raises(AccountUnclear):
        await org.accounts.find_by_email(mailbox)


async def test_an_account_is_made_once_for_its_number(org: Org) -> None:  # R030, C08
    number = f"PT-{secrets.token_hex(6).upper()}"
    made = [await org.accounts.open_account(number, await org.form(new_mailbox())) for _ in range(2)]
    assert len(set(made)) == 1
    found = await org.accounts.find(number)
    assert found is not None
    assert (found.account_id, comparable_postcode(found.postcode)) == (made[0], "150-0001")


async def test_a_contact_gets_its_new_address_however_often_it_is_told(org: Org) -> None:
    account_id, before = (await org.account()).account_id, await org.mailboxes()
    former, email = new_mailbox(), new_mailbox()
    await org.accounts.ensure_contact(account_id, await org.form(former))
    for _ in range(2):
        await org.accounts.change_email(account_id, [new_mailbox(), former.upper()], email)
    assert await org.mailboxes() == sorted([*before, comparable_email(email)])


async def test_while_the_org_is_away_everything_asks_to_come_back(org: Org) -> None:
    account_id, someone = (await org.account()).account_id, await org.form(new_mailbox())
    await org.go_away()
    for work in (
        org.accounts.find(NUMBER),
        org.accounts.register(account_id, 7001, "Portal Signup"),
        org.accounts.ensure_contact(account_id, someone),
    ):
        with pytest.raises(TryLater, match="SALESFORCE_UNAVAILABLE"):
            await work


async def test_salesforce_holds_every_field_that_is_identitys(salesforce: Salesforce, sandbox) -> None:  # R027-R030
    accounts = SalesforceAccounts(salesforce)
    found = await accounts.find("SNX-10001")
    assert found is not None
    await accounts.register(found.account_id, 7001, "Portal Checkout")
    fresh = new_mailbox()
    await accounts.ensure_contact(found.account_id, form("SNX-10001", fresh))
    fields = ("WH_Account__c", "Portal_Status__c", "Portal_Registration_Source__c")
    assert await salesforce.read("Account", found.account_id, fields) == {
        "Id": found.account_id,
        "WH_Account__c": "7001",
        "Portal_Status__c": "Active",
        "Portal_Registration_Source__c": "Portal Checkout",
    }
    query = select("Contact", "AccountId", "LastName", "FirstName", "Email").where(equals("Email", fresh))
    (contact,) = await salesforce.query(query)
    assert contact == {
        "AccountId": found.account_id,
        "LastName": "山田",
        "FirstName": "花子",
        "Email": contact["Email"],
    }
    assert comparable_email(contact["Email"]) == comparable_email(fresh)


MOVED = Address(postcode="150-0043", prefecture="東京都", city="渋谷区", street="道玄坂4-5-6", building="コーポ 101")
FIELDS = ("BillingPostalCode", "BillingState", "BillingCity", "BillingStreet", "BillingCountry", "Phone")


async def test_an_account_gets_the_billing_profile_and_its_name_stays(  # R007, architecture §6
    salesforce: Salesforce, sandbox
) -> None:
    accounts = SalesforceAccounts(salesforce)
    before = await accounts.find("SNX-10001")
    assert before is not None
    mine, account_id = before.contacts[0].email, before.account_id
    await accounts.ensure_contact(account_id, form("SNX-10001", other := new_mailbox()))
    await accounts.keep_profile(account_id, mine.upper(), BilledProfile("03-9999-0000", MOVED))
    kept = await salesforce.read("Account", account_id, ("Name", *FIELDS))
    assert kept == {
        "Id": account_id,
        "Name": before.name,
        "BillingPostalCode": "150-0043",
        "BillingState": "東京都",
        "BillingCity": "渋谷区",
        "BillingStreet": "道玄坂4-5-6\nコーポ 101",
        "BillingCountry": "JP",
        "Phone": "03-9999-0000",
    }
    found = await salesforce.query(select("Contact", "Email", "Phone").where(equals("AccountId", account_id)))
    phones = {comparable_email(one["Email"]): one["Phone"] for one in found}
    assert phones[comparable_email(mine)] == "03-9999-0000"
    assert phones[comparable_email(other)] != "03-9999-0000", "another person's contact"
    await accounts.keep_profile(account_id, mine, BilledProfile("", None))
    assert await salesforce.read("Account", account_id, ("Name", *FIELDS)) == kept, "what WHMCS lacks stays"


async def test_a_profile_that_is_there_already_is_not_written_also_after_a_lost_answer(
    salesforce: Salesforce, sandbox
) -> None:
    accounts, profile = SalesforceAccounts(salesforce), BilledProfile("03-9999-0000", MOVED)
    found = await accounts.find("SNX-10001")
    assert found is not None
    sandbox.faults.arm({"vendor": "salesforce", "call": "PATCH Account", "kind": "after_effect", "times": 1})
    with suppress(TryLater):
        await accounts.keep_profile(found.account_id, found.contacts[0].email, profile)
    await accounts.keep_profile(found.account_id, found.contacts[0].email, profile)
    calls = sandbox.faults.calls["salesforce"]
    written = [calls[name] for name in ("PATCH Account", "PATCH Contact")]
    await accounts.keep_profile(found.account_id, found.contacts[0].email, profile)
    assert [calls[name] for name in ("PATCH Account", "PATCH Contact")] == written
    assert (await salesforce.read("Account", found.account_id, ("Phone",)))["Phone"] == "03-9999-0000"


async def test_a_lost_answer_leaves_one_contact(salesforce: Salesforce, sandbox) -> None:
    accounts = SalesforceAccounts(salesforce)
    found = await accounts.find("SNX-10001")
    assert found is not None
    sandbox.faults.arm({"vendor": "salesforce", "call": "PATCH Contact", "kind": "after_effect", "times": 2})
    await accounts.ensure_contact(found.account_id, form("SNX-10001", new_mailbox()))
    after = await accounts.find("SNX-10001")
    assert after is not None
    assert len(after.contacts) == len(found.contacts) + 1
