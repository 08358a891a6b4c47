"""Invoices, payments, credit, the daily job (reference/whmcs.md 5)."""

from datetime import datetime

import pytest


async def test_pay_methods_are_a_flat_list_and_can_be_filtered(whmcs):
    methods = (await whmcs.call("GetPayMethods", clientid=5011))["paymethods"]
    assert (methods[0]["card_last_four"], methods[0]["type"]) == ("4242", "RemoteCreditCard")
    assert (await whmcs.call("GetPayMethods", clientid=5013))["paymethods"] == []
    assert (await whmcs.call("GetPayMethods", clientid=5011, type="BankAccount"))["paymethods"] == []
    wrong = await whmcs.call("GetPayMethods", clientid=5011, type="Card")
    assert wrong["message"] == "Invalid Pay Method Type. Should be 'BankAccount' or 'CreditCard'"
    assert (await whmcs.call("GetPayMethods"))["message"] == "Client ID Is Required"
    assert (await whmcs.call("GetPayMethods", clientid=1))["message"] == "Client Not Found"


async def test_invoices_are_paged_sorted_and_filtered(whmcs):
    first = await whmcs.call("GetInvoices", userid=5016)
    assert (first["totalresults"], first["numreturned"]) == (27, 25)
    newest = (await whmcs.call("GetInvoices", userid=5016, orderby="duedate", order="desc", limitnum=1))["invoices"]
    assert newest["invoice"][0]["duedate"] == max(
        row["duedate"] for row in (await whmcs.call("GetInvoices", userid=5016, limitnum=100))["invoices"]["invoice"]
    )
    overdue = (await whmcs.call("GetInvoices", userid=5013, status="Overdue"))["invoices"]["invoice"]
    assert [row["status"] for row in overdue] == ["Unpaid"]


async def test_a_capture_pays_once(whmcs):
    invoice = (await whmcs.call("GetInvoices", userid=5011, status="Unpaid"))["invoices"]["invoice"][0]
    assert invoice["total"] == "2530.00"
    assert await whmcs.call("CapturePayment", invoiceid=invoice["id"]) == {"result": "success"}
    again = await whmcs.call("CapturePayment", invoiceid=invoice["id"])
    assert again["message"] == "Invoice Not Found or Not Unpaid"
    paid = await whmcs.call("GetInvoice", invoiceid=invoice["id"])
    assert (paid["status"], paid["balance"], len(paid["transactions"]["transaction"])) == ("Paid", "0.00", 1)
    assert whmcs.kinds(str(invoice["id"])).count("whmcs.payment.taken") == 1


@pytest.mark.parametrize("client", [5013, 5014])
async def test_a_declining_or_missing_card_fails_the_capture(client, whmcs):
    invoice = (await whmcs.call("GetInvoices", userid=client, status="Unpaid"))["invoices"]["invoice"][0]
    assert (await whmcs.call("CapturePayment", invoiceid=invoice["id"]))["message"] == "Payment Attempt Failed"
    assert (await whmcs.call("GetInvoice", invoiceid=invoice["id"]))["status"] == "Unpaid"


async def test_paying_moves_the_services_next_due_date(whmcs):
    order = await whmcs.order()
    service = order["serviceids"].split(",")[0]

    async def due():
        return (await whmcs.call("GetClientsProducts", serviceid=service))["products"]["product"][0]["nextduedate"]

    before = datetime.fromisoformat(await due())
    await whmcs.call("CapturePayment", invoiceid=order["invoiceid"])
    after = datetime.fromisoformat(await due())
    assert 28 <= (after - before).days <= 31


async def test_invoices_are_made_changed_and_published(whmcs):
    made = await whmcs.call(
        "CreateInvoice",
        userid=5011,
        draft=1,
        itemdescription1="Visit",
        itemamount1="1000",
        itemdescription2="Part",
        itemamount2="500.50",
    )
    assert made["status"] == "Draft"
    number = made["invoiceid"]
    lines = (await whmcs.call("GetInvoice", invoiceid=number))["items"]["item"]
    first = lines[0]["id"]
    changed = {
        f"itemdescription[{first}]": "Long visit",
        f"itemamount[{first}]": "2000",
        f"itemtaxed[{first}]": "0",
        "newitemdescription[0]": "Cable",
        "newitemamount[0]": "100",
        "deletelineids[0]": lines[1]["id"],
    }
    await whmcs.call("UpdateInvoice", invoiceid=number, publish=1, **changed)
    now = await whmcs.call("GetInvoice", invoiceid=number)
    assert (now["status"], now["total"], len(now["items"]["item"])) == ("Unpaid", "2100.00", 2)
    missing = await whmcs.call("UpdateInvoice", invoiceid=number, **{f"itemamount[{first}]": "1"})
    assert missing["message"].startswith("Missing Variables")
    whmcs.switch(immutableInvoices=True)
    assert (await whmcs.call("UpdateInvoice", invoiceid=number, **changed))["result"] == "error"
    assert (await whmcs.call("UpdateInvoice", invoiceid=number, status="Cancelled"))["result"] == "success"
    assert (await whmcs.call("UpdateInvoice", invoiceid=number, status="Gone"))["message"] == "Invalid status Gone"


async def test_credit_is_added_applied_and_listed(whmcs):
    invoice = (await whmcs.call("GetInvoices", userid=5011, status="Unpaid"))["invoices"]["invoice"][0]["id"]
    assert (await whmcs.call("AddCredit", clientid=5011, amount="1000", description="m1"))["newbalance"] == "1000.00"
    assert (await whmcs.call("AddCredit", clientid=5011, amount="1e3", description="x"))["result"] == "error"
    too_much = await whmcs.call("ApplyCredit", invoiceid=invoice, amount="2000")
    assert too_much["message"] == "Amount exceeds customer credit balance"
    applied = await whmcs.call("ApplyCredit", invoiceid=invoice, amount="1000")
    assert applied == {"result": "success", "invoiceid": str(invoice), "amount": "1000.00", "invoicepaid": "false"}
    credits_found = (await whmcs.call("GetCredits", clientid=5011))["credits"]["credit"]
    assert [row["amount"] for row in credits_found] == ["1000.00", "-1000.00"]
    paid = await whmcs.call(
        "AddInvoicePayment", invoiceid=invoice, transid="bank-1", gateway="banktransfer", date="2026-01-01"
    )
    assert paid["result"] == "success"
    assert (await whmcs.call("GetInvoice", invoiceid=invoice))["status"] == "Paid"
    found = (await whmcs.call("GetTransactions", transid="bank-1"))["transactions"]["transaction"]
    assert found[0]["amountin"] == "1530.00"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clientid": 1}, "Client ID not Found"),
        ({"description": ""}, "You must provide a description"),
        ({"invoiceaction": "soon"}, "Invalid Invoice Action"),
        ({"invoiceaction": "duedate"}, "Due date is required"),
        ({"invoiceaction": "recur"}, "Recurring must have a unit, cycle and limit"),
        ({"unit": "pieces"}, "Invalid Unit, please specify either 'hours' or 'quantity'"),
        ({"duedate": "soon"}, "Invalid Date Format - Expected: 'YYYY-mm-dd'"),
    ],
)
async def test_billable_items_are_checked(changes, message, whmcs):
    good = {"clientid": 5011, "description": "Overage 2GB", "amount": "600", "unit": "quantity"}
    assert "billableid" in await whmcs.call("AddBillableItem", **good)
    assert (await whmcs.call("AddBillableItem", **{**good, **changes}))["message"] == message


async def test_mail_goes_to_the_client_behind_the_related_record(whmcs):
    good = await whmcs.call("SendEmail", messagename="Invoice Created", customtype="invoice", id=90001)
    assert good["result"] == "success"
    assert whmcs.core.ledger.entries(kind="whmcs.mail.sent")[0].key == "5011"
    bad = await whmcs.call("SendEmail", customtype="general", id=5011)
    assert bad["message"] == "Sending Failed. Please see documentation."


async def test_the_daily_job_charges_due_invoices_and_writes_the_next_ones(whmcs):
    order = await whmcs.order()
    await whmcs.call("AcceptOrder", orderid=order["orderid"])
    whmcs.core.clock.advance(86400)
    assert (await whmcs.call("GetInvoice", invoiceid=order["invoiceid"]))["status"] == "Paid"
    whmcs.core.clock.advance(86400 * 20)
    service = int(order["serviceids"].split(",")[0])
    rows = (await whmcs.call("GetInvoices", userid=5011, limitnum=100))["invoices"]["invoice"]
    details = [await whmcs.call("GetInvoice", invoiceid=row["id"]) for row in rows]
    mine = [row for row in details if any(line["relid"] == service for line in row["items"]["item"])]
    assert [row["total"] for row in mine] == ["6270.00", "2970.00"]


async def test_without_the_nightly_capture_invoices_stay_unpaid(whmcs):
    whmcs.switch(nightlyCapture=False)
    order = await whmcs.order()
    whmcs.core.clock.advance(86400)
    assert (await whmcs.call("GetInvoice", invoiceid=order["invoiceid"]))["status"] == "Unpaid"


async def test_a_plan_paid_in_twelve_parts_ends_after_twelve_invoices(whmcs):
    order = await whmcs.order(**{"pid[0]": 112, "pid[1]": 112, "billingcycle[1]": "monthly"})
    await whmcs.call("AcceptOrder", orderid=order["orderid"])
    whmcs.core.clock.advance(86400 * 399)
    service = order["serviceids"].split(",")[0]
    row = (await whmcs.call("GetClientsProducts", serviceid=service))["products"]["product"][0]
    assert row["status"] == "Completed"
    with whmcs.core.store.transaction() as db:
        lines = db.execute("SELECT count(*) FROM whmcs_invoice_item WHERE relid = ?", (int(service),)).fetchone()[0]
    assert lines == 12


async def test_the_catalogue_prices_one_time_products_in_the_monthly_column(whmcs):
    rows = (await whmcs.call("GetProducts", pid="211,202"))["products"]["product"]
    fee = next(row for row in rows if row["pid"] == 211)
    assert (fee["paytype"], fee["pricing"]["JPY"]["monthly"], fee["pricing"]["JPY"]["annually"]) == (
        "onetime",
        "3300.00",
        "-1.00",
    )
    assert (await whmcs.call("GetCurrencies"))["currencies"]["currency"][0]["code"] == "JPY"
    gateways = (await whmcs.call("GetPaymentMethods"))["paymentmethods"]["paymentmethod"]
    assert [row["module"] for row in gateways] == ["stripe", "banktransfer"]
