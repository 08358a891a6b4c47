"""Profile, credit, single subscriptions and tax on the sandbox; typed text comes back as typed (D06, D16)."""

import pytest

from portal_billing.change_client import ChangeClient
from portal_billing.change_client_email import ChangeEmail
from portal_billing.testing import MemoryClientTurns, MemoryCommandLog
from portal_chassis.clocks import SystemMachineClock
from portal_contracts.billing_profile import ChangeClientEmail, ProfileChanged
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address

CLIENT, STRANGER = 5011, 5013
ADDRESS = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3", building="コーポ101")


class NoCopies:
    async def clear(self, client_id):
        pass


async def test_company_and_phone_change_and_what_is_left_out_stays(whmcs):  # R007
    before = await whmcs.reads.profile(CLIENT)
    await whmcs.own_clients.change_profile(CLIENT, company="例示 & 株式会社", phone=None)
    after = await whmcs.reads.profile(CLIENT)
    assert (after.company, after.phone, after.address) == ("例示 & 株式会社", before.phone, before.address)
    await whmcs.own_clients.change_profile(CLIENT, company="", phone="03-9999-0000")
    after = await whmcs.reads.profile(CLIENT)
    assert (after.company, after.phone, after.name) == ("", "03-9999-0000", before.name)


async def test_a_connection_that_whmcs_takes_for_idle_makes_no_write_unclear_and_no_read_fail(whmcs, sandbox_whmcs):
    sandbox_whmcs.fault("*", "kept_connection", times=None)
    for company in ("例示", "見本"):
        await whmcs.own_clients.change_profile(CLIENT, company=company, phone=None)
        assert (await whmcs.reads.profile(CLIENT)).company == company


@pytest.mark.parametrize("kind", ["after_effect", "malformed"])
async def test_a_change_whose_answer_is_lost_is_later_and_harmless_to_repeat(whmcs, sandbox_whmcs, kind):
    sandbox_whmcs.fault("UpdateClient", kind, params={"seconds": 0.1})
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await whmcs.own_clients.change_profile(CLIENT, company="例示", phone=None)
    assert (await whmcs.reads.profile(CLIENT)).company == "例示"
    await whmcs.own_clients.change_profile(CLIENT, company="例示", phone=None)


async def test_an_e_mail_change_whose_answer_is_lost_is_found_and_not_written_again(whmcs, sandbox_whmcs):
    log = MemoryCommandLog()
    write = ChangeClient(MemoryClientTurns(), log, NoCopies(), SystemMachineClock())
    change = ChangeEmail(whmcs.clients, whmcs.live, write)
    former = (await whmcs.reads.profile(CLIENT)).email
    command = ChangeClientEmail(
        request_id="request-0001", whmcs_client_id=CLIENT, former_emails=[former], email="new@example.jp"
    )
    sandbox_whmcs.fault("UpdateClient", "after_effect", params={"seconds": 0.1})
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await change(command)
    assert (log.events, (await whmcs.reads.profile(CLIENT)).email) == ([], "new@example.jp")
    for _ in range(2):
        await change(command)
    assert sandbox_whmcs.calls("UpdateClient") == 1
    assert log.events == [ProfileChanged(whmcs_client_id=CLIENT)]


async def test_whmcs_refuses_an_address_another_client_has(whmcs):
    taken = (await whmcs.reads.profile(STRANGER)).email
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await whmcs.clients.change_email(CLIENT, taken)


async def test_line_breaks_of_old_records_are_read_as_spaces(whmcs, sandbox_whmcs):  # D16
    with sandbox_whmcs.core.store.transaction() as db:
        db.execute(
            "UPDATE whmcs_client SET lastname = ?, address1 = ? WHERE id = ?", ("中\t村", "神宮前\r\n1-2-3", CLIENT)
        )
    profile = await whmcs.reads.profile(CLIENT)
    assert profile.address is not None
    assert (profile.name.family_name, profile.address.street) == ("中 村", "神宮前 1-2-3")


async def test_the_credit_is_whole_yen(whmcs, sandbox_whmcs):
    assert (await whmcs.reads.profile(CLIENT)).credit == 0
    with sandbox_whmcs.core.store.transaction() as db:
        db.execute("UPDATE whmcs_client SET credit = 123400 WHERE id = ?", (CLIENT,))
    assert (await whmcs.reads.profile(CLIENT)).credit == 1234


@pytest.mark.parametrize("shape", ["list", "single", "numbered"])
async def test_one_subscription_is_read_alone_in_every_shape_of_list(whmcs, sandbox_whmcs, shape):
    sandbox_whmcs.switch(listShape=shape)
    for service in await whmcs.reads.subscriptions(CLIENT):
        assert await whmcs.reads.subscription(CLIENT, service.service_id) == service


@pytest.mark.parametrize("empty", ["string", "list", "object", "null", "missing"])
async def test_a_foreign_or_missing_subscription_is_not_found_however_nothing_looks(whmcs, sandbox_whmcs, empty):
    sandbox_whmcs.switch(emptyLists=empty)
    foreign = (await whmcs.reads.subscriptions(STRANGER))[0].service_id
    for number in (foreign, 999_999):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await whmcs.reads.subscription(CLIENT, number)


async def test_an_invoice_tells_tax_rate_and_taxed_lines(whmcs):
    listed = (await whmcs.reads.invoices(CLIENT))[0].invoice
    invoice = (await whmcs.reads.invoice(listed.id)).invoice
    assert invoice.tax_percent == 0
    assert {line.taxed for line in invoice.lines} <= {True, False}


@pytest.mark.parametrize(
    "text",
    [
        "ﾊｲﾂ ｺｰﾎﾟ１０１",
        "コーポ　１０１",
        "髙﨑𠮷",
        "が か\u3099",
        "👩‍👩‍👧 🏠",
        "<b>1F</b> & \"2F\" '3F'",
        "&amp; &lt; &#039; &amp;amp;",
        "1/2\\3",
        "'; DROP TABLE tblclients;--",
        "x&action=DeleteClient&clientid=1",
        "%0d%0a",
        "é e\u0301",
        "あ" * 100,
    ],
    ids=ascii,
)
async def test_an_address_comes_back_as_it_was_typed(whmcs, text):  # D16
    typed = ADDRESS.model_copy(update={"street": text, "building": text})
    await whmcs.own_clients.change_address(CLIENT, typed)
    assert (await whmcs.reads.profile(CLIENT)).address == typed
    assert (await whmcs.reads.profile(STRANGER)).address != typed
