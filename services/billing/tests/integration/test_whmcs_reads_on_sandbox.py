"""What customers look at: the BillingReads, Products and SignOn ports on the sandbox (R053, R063, R072, R203–R206)."""

import httpx
import pytest

from portal_billing.payment_method import summary
from portal_contracts.problems import Misconfigured, Refused, TryLater

CLIENT, WITHOUT_CARD = 5011, 5013


async def test_a_profile_has_name_and_address_in_our_parts(whmcs):
    profile = await whmcs.reads.profile(CLIENT)
    assert (profile.name.family_name, profile.name.given_name) == ("中村", "優子")
    assert profile.address is not None
    assert (profile.address.postcode, profile.address.prefecture) == ("211-0063", "神奈川県")


async def test_an_escaped_name_reads_as_it_was_written(whmcs, sandbox_whmcs):
    sandbox_whmcs.switch(entityText=True)
    assert (await whmcs.reads.profile(WITHOUT_CARD)).name.family_name == "Müller"


async def test_a_client_that_does_not_exist_is_not_found(whmcs):
    for read in (whmcs.reads.profile, whmcs.reads.payment_methods):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await read(99999)


async def test_cards_are_listed_without_their_token_and_tell_whether_the_client_can_pay(whmcs):
    found = await whmcs.reads.payment_methods(CLIENT)
    assert [(one.kind, one.last_four, one.usable) for one in found] == [("card", "4242", True)]
    assert "token" not in found[0].model_dump_json()
    assert summary(found).has_payment_method
    assert not summary(await whmcs.reads.payment_methods(WITHOUT_CARD)).has_payment_method


async def test_gateways_have_the_installations_names(whmcs):
    assert [(one.code, one.name) for one in await whmcs.reads.gateways()] == [
        ("stripe", "Credit Card"),
        ("banktransfer", "Bank Transfer"),
    ]


async def test_an_invoice_has_lines_that_add_up(whmcs):
    listed = await whmcs.reads.invoices(CLIENT)
    assert len(listed) == 3
    for entry in listed:
        owned = await whmcs.reads.invoice(entry.invoice.id)
        assert owned.client_id == CLIENT
        assert sum(line.amount for line in owned.invoice.lines) == owned.invoice.total == entry.invoice.total
        assert all(line.service_id for line in owned.invoice.lines)
        assert owned.invoice.balance == (0 if entry.invoice.state == "paid" else entry.invoice.total)


async def test_an_unpaid_invoice_past_its_date_is_overdue(whmcs):
    states = {entry.invoice.state for entry in await whmcs.reads.invoices(WITHOUT_CARD)}
    assert states == {"paid", "overdue"}


async def test_an_invoice_that_does_not_exist_is_not_found(whmcs):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await whmcs.reads.invoice(999999)


async def test_all_pages_are_read(connected):
    whmcs = connected(page_rows=1)
    assert len(await whmcs.reads.invoices(CLIENT)) == 3
    assert len(await whmcs.reads.subscriptions(CLIENT)) == 3


async def test_subscriptions_have_yen_cycle_and_dates(whmcs):
    found = {one.whmcs_product_id: one for one in await whmcs.reads.subscriptions(CLIENT)}
    sim = found[204]
    assert (sim.amount, sim.billing_cycle, sim.state, sim.order_id) == (2200, "monthly", "active", None)
    assert sim.started_on is not None
    assert sim.next_due_on is not None


async def test_every_product_of_the_dataset_is_there_at_its_price(whmcs, sandbox_whmcs):
    cycles = {"Monthly": "monthly", "Annually": "annually", "One-time": "one_time"}
    wanted = {product.pid: product for product in sandbox_whmcs.core.dataset.products}
    found = await whmcs.products.read([*wanted, 77777])
    assert found.keys() == wanted.keys()
    for pid, product in wanted.items():
        assert found[pid].prices == {cycles[product.billing_cycle]: product.price}
        assert found[pid].has_marker is product.marker_field


@pytest.mark.parametrize(
    ("destination", "related", "lands_on"),
    [
        ("home", None, "clientarea.php"),
        ("payment_methods", None, "/account/paymentmethods"),
        ("add_payment_method", None, "/account/paymentmethods/add"),
        ("invoices", None, "action=invoices"),
        ("invoice", 1, "viewinvoice.php?id=1"),
        ("services", None, "action=services"),
        ("service", 1, "action=productdetails&id=1"),
        ("profile", None, "action=details"),
    ],
)
async def test_every_destination_leads_where_it_should_and_works_once(whmcs, destination, related, lands_on):
    url = await whmcs.sign_on.mint(CLIENT, destination, related)
    async with httpx.AsyncClient() as browser:
        first = await browser.get(url)
        again = await browser.get(url)
    assert first.status_code in (302, 303)
    assert lands_on in first.headers["location"]
    assert "location" not in again.headers or lands_on not in again.headers["location"]


async def test_a_link_to_a_foreign_host_is_never_handed_out(connected):
    with pytest.raises(Misconfigured):
        await connected(public_host="billing.example.jp").sign_on.mint(CLIENT, "home", None)


async def test_a_client_who_switched_sign_on_off_is_told(whmcs, sandbox_whmcs):
    with sandbox_whmcs.core.store.transaction() as db:
        db.execute("UPDATE whmcs_client SET allow_sso = 0 WHERE id = ?", (CLIENT,))
    with pytest.raises(Refused, match="SSO_REFUSED"):
        await whmcs.sign_on.mint(CLIENT, "home", None)


@pytest.mark.parametrize("call", ["GetInvoices", "GetInvoice", "GetPayMethods", "GetClientsDetails", "GetProducts"])
@pytest.mark.parametrize("kind", ["refused", "html", "malformed", "empty", "status"])
async def test_a_read_that_fails_is_later_and_never_empty(whmcs, sandbox_whmcs, call, kind):
    sandbox_whmcs.fault(call, kind, times=None, params={"status": 503, "body": "away"} if kind == "status" else {})
    reads = {
        "GetInvoices": lambda: whmcs.reads.invoices(CLIENT),
        "GetInvoice": lambda: whmcs.reads.invoice(1),
        "GetPayMethods": lambda: whmcs.reads.payment_methods(CLIENT),
        "GetClientsDetails": lambda: whmcs.reads.profile(CLIENT),
        "GetProducts": lambda: whmcs.products.read([202]),
    }
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await reads[call]()


async def test_wrong_credentials_are_our_set_up(connected):
    with pytest.raises(Misconfigured, match="WHMCS_MISCONFIGURED"):
        await connected(secret="wrong").reads.profile(CLIENT)


async def test_an_answer_larger_than_the_limit_is_not_read(connected):
    with pytest.raises(TryLater):
        await connected(answer_limit=100).reads.profile(CLIENT)
