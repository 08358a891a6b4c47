"""The Clients port on the sandbox (D04, D05, R023)."""

import time
from dataclasses import replace

import pytest

from portal_billing.client import NewClient
from portal_billing.ports import Unclear
from portal_contracts.problems import Refused
from portal_contracts.values import Address, PersonName

ADDRESS = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3", building="コーポ101")
NEW = NewClient(
    customer_number="SNX-10001",
    email="hanako@example.jp",
    name=PersonName(family_name="山田", given_name="花子"),
    company="山田 & 商店",
    phone="03-1234-5678",
    address=ADDRESS,
    locale="ja",
)


async def create(whmcs, **more):
    return await whmcs.clients.create(replace(NEW, **more), send_by=time.monotonic() + 10)


async def test_a_client_is_made_without_any_mail_and_found_with_its_number(whmcs, sandbox_whmcs):
    number = await create(whmcs)
    client = await whmcs.clients.find("Hanako@example.jp") or await whmcs.clients.find("hanako@example.jp")
    assert client is not None
    assert (client.id, client.customer_number) == (number, "SNX-10001")
    assert client.made_for("SNX-10001", "hanako@example.jp")
    assert not client.made_for("SNX-10002", "hanako@example.jp")
    assert "whmcs.mail.sent" not in sandbox_whmcs.kinds()
    profile = await whmcs.reads.profile(number)
    assert (profile.address, profile.company) == (ADDRESS, "山田 & 商店")


async def test_a_missing_phone_number_is_allowed(whmcs):
    assert await create(whmcs, phone=None) > 0


async def test_an_e_mail_somebody_has_is_refused(whmcs):
    await create(whmcs)
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await create(whmcs, customer_number="SNX-10002")


async def test_a_lost_reply_is_unclear_and_the_client_is_there(whmcs, sandbox_whmcs):
    sandbox_whmcs.fault("AddClient", "after_effect")
    with pytest.raises(Unclear):
        await create(whmcs)
    assert (await whmcs.clients.find("hanako@example.jp")).customer_number == "SNX-10001"


async def test_nobody_is_found_by_an_unknown_e_mail(whmcs):
    assert await whmcs.clients.find("nobody@example.jp") is None


async def test_a_legacy_client_is_not_ours_although_its_number_fits(whmcs):
    client = await whmcs.clients.find("yuko.nakamura@example.jp")
    assert client is not None
    assert not client.made_for("SNX-10011", "yuko.nakamura@example.jp")


async def test_an_address_is_changed_and_an_empty_building_is_emptied(whmcs):
    await whmcs.clients.change_address(5011, ADDRESS)
    await whmcs.clients.change_address(5011, ADDRESS.model_copy(update={"building": ""}))
    assert (await whmcs.reads.profile(5011)).address == ADDRESS.model_copy(update={"building": ""})


async def test_the_customer_number_can_be_written_later(whmcs):
    await whmcs.clients.set_customer_number(5011, "SNX-77777")
    assert (await whmcs.clients.find("yuko.nakamura@example.jp")).customer_number == "SNX-77777"


async def test_the_address_of_nobody_is_not_found(whmcs):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await whmcs.clients.change_address(99999, ADDRESS)


async def test_the_password_never_shows(whmcs, sandbox_whmcs, caplog, capsys):
    sandbox_whmcs.fault("AddClient", "malformed")
    with pytest.raises(Unclear) as told:
        await create(whmcs)
    seen = f"{told.value} {told.value.evidence} {caplog.text} {capsys.readouterr()}"
    assert "password2" not in seen
    assert "sandbox-secret" not in seen
