"""The order protocol a portal must make safe (reference/whmcs.md 6, reliability (b)3)."""

import base64

import httpx
import pytest

MARKER = "sf:801000000000001AAA"


async def test_an_order_is_pending_with_pending_services_and_an_unpaid_invoice_to_the_yen(whmcs):
    answer = await whmcs.order()
    order = (await whmcs.call("GetOrders", id=answer["orderid"]))["orders"]["order"][0]
    assert (order["status"], order["amount"], order["paymentstatus"]) == ("Pending", "6270.00", "Unpaid")
    assert [line["status"] for line in order["lineitems"]["lineitem"]] == ["Pending", "Pending"]
    invoice = await whmcs.call("GetInvoice", invoiceid=answer["invoiceid"])
    assert (invoice["status"], invoice["total"], invoice["balance"]) == ("Unpaid", "6270.00", "6270.00")
    assert [line["amount"] for line in invoice["items"]["item"]] == ["2970.00", "3300.00"]
    assert {str(line["relid"]) for line in invoice["items"]["item"]} == set(answer["serviceids"].split(","))
    assert whmcs.kinds(MARKER) == ["whmcs.order.created"]
    assert "whmcs.mail.sent" not in whmcs.kinds()


async def test_a_lost_reply_leaves_the_order_and_its_marker_finds_it(whmcs):
    whmcs.core.faults.arm({"vendor": "whmcs", "call": "AddOrder", "kind": "after_effect"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await whmcs.order()
    services = (await whmcs.call("GetClientsProducts", clientid=5011, limitnum=100))["products"]["product"]
    marked = [
        service["orderid"]
        for service in services
        if any(field["value"] == MARKER for field in service["customfields"]["customfield"])
    ]
    assert len(marked) == 2
    assert len(set(marked)) == 1
    assert whmcs.kinds(MARKER) == ["whmcs.order.created"]


async def test_a_repeated_add_order_makes_a_second_order(whmcs):
    first, second = await whmcs.order(), await whmcs.order()
    assert first["orderid"] != second["orderid"]
    assert whmcs.kinds(MARKER).count("whmcs.order.created") == 2


async def test_accepting_activates_once_and_a_repeat_is_refused(whmcs):
    answer = await whmcs.order()
    assert await whmcs.call("AcceptOrder", orderid=answer["orderid"]) == {"result": "success"}
    assert await whmcs.call("AcceptOrder", orderid=answer["orderid"]) == {
        "result": "error",
        "message": "Order ID not found or Status not Pending",
    }
    assert (await whmcs.call("GetOrders", id=answer["orderid"]))["orders"]["order"][0]["status"] == "Active"
    services = (await whmcs.call("GetClientsProducts", clientid=5011, limitnum=100))["products"]["product"]
    new = [service for service in services if service["orderid"] == answer["orderid"]]
    assert [service["status"] for service in new] == ["Active", "Active"]
    assert new[0]["nextduedate"] > "2020"
    assert new[1]["nextduedate"] == "0000-00-00"
    assert whmcs.kinds(MARKER).count("whmcs.order.accepted") == 1


async def test_only_a_pending_order_is_cancelled_and_its_unpaid_invoice_goes_with_it(whmcs):
    answer = await whmcs.order()
    assert (await whmcs.call("CancelOrder", orderid=answer["orderid"]))["result"] == "success"
    assert (await whmcs.call("GetInvoice", invoiceid=answer["invoiceid"]))["status"] == "Cancelled"
    assert (await whmcs.call("CancelOrder", orderid=answer["orderid"]))["result"] == "error"
    assert (await whmcs.call("AcceptOrder", orderid=answer["orderid"]))["result"] == "error"


async def test_a_paid_invoice_survives_the_cancellation(whmcs):
    answer = await whmcs.order()
    await whmcs.call("CapturePayment", invoiceid=answer["invoiceid"])
    await whmcs.call("CancelOrder", orderid=answer["orderid"])
    assert (await whmcs.call("GetInvoice", invoiceid=answer["invoiceid"]))["status"] == "Paid"


async def test_the_other_order_states_follow_their_rules(whmcs):
    whmcs.switch(extraActions="DeleteOrder")
    answer = await whmcs.order()
    order = answer["orderid"]
    refused = await whmcs.call("DeleteOrder", orderid=order)
    assert refused["message"] == "The order status must be in Cancelled or Fraud to be deleted"
    await whmcs.call("AcceptOrder", orderid=order)
    await whmcs.call("PendingOrder", orderid=order)
    assert (await whmcs.call("GetOrders", status="Pending", userid=5011))["totalresults"] == 1
    await whmcs.call("FraudOrder", orderid=order)
    assert (await whmcs.call("DeleteOrder", orderid=order))["result"] == "success"
    assert (await whmcs.call("PendingOrder", orderid=order))["message"] == "Order ID Not Found"
    assert (await whmcs.call("GetOrders", userid=5011, id=order))["orders"] == ""
    titles = [row["title"] for row in (await whmcs.call("GetOrderStatuses"))["statuses"]["status"]]
    assert titles == ["Pending", "Active", "Cancelled", "Fraud"]


async def test_the_twenty_sixth_order_hides_on_the_second_page(whmcs):
    for number in range(26):
        await whmcs.order(marker=f"sf:{number}", client=5013)
    first = await whmcs.call("GetOrders", userid=5013)
    assert (first["totalresults"], first["numreturned"], len(first["orders"]["order"])) == (27, 25, 25)
    second = await whmcs.call("GetOrders", userid=5013, limitstart=25)
    assert (second["startnumber"], second["numreturned"]) == (25, 2)
    everything = await whmcs.call("GetOrders", userid=5013, limitnum=100)
    assert everything["numreturned"] == 27
    services = await whmcs.call("GetClientsProducts", clientid=5013)
    assert (services["totalresults"], services["numreturned"]) == ("53", 25)


async def test_a_wrong_byte_length_loses_the_marker_silently(whmcs):
    broken = base64.b64encode('a:1:{i:1202;s:2:"田中";}'.encode()).decode()
    answer = await whmcs.order(**{"customfields[0]": broken, "customfields[1]": broken})
    assert answer["result"] == "success"
    assert whmcs.kinds(f"order:{answer['orderid']}") == ["whmcs.order.created"]


async def test_a_product_without_the_marker_field_ignores_the_marker(whmcs):
    answer = await whmcs.order(**{"pid[0]": 299, "pid[1]": 299})
    services = (await whmcs.call("GetClientsProducts", clientid=5011, limitnum=100))["products"]["product"]
    fields = [service["customfields"]["customfield"] for service in services if service["orderid"] == answer["orderid"]]
    assert all(field["name"] != "SF Order Id" for row in fields for field in row)


async def test_notes_are_kept_only_by_a_switch(whmcs):
    first = await whmcs.order(notes=MARKER)
    assert (await whmcs.call("GetOrders", id=first["orderid"]))["orders"]["order"][0]["notes"] == ""
    whmcs.switch(keepNotes=True)
    second = await whmcs.order(notes=MARKER)
    assert (await whmcs.call("GetOrders", id=second["orderid"]))["orders"]["order"][0]["notes"] == MARKER


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clientid": 1}, "Client ID Not Found"),
        ({"clientid": 5021}, "Unable to add order when client status is Closed"),
        ({"paymentmethod": "paypal"}, "Invalid Payment Method. Valid options include stripe,banktransfer"),
        ({"pid[0]": 999, "pid[1]": 998}, "No items added to cart so order cannot proceed"),
        ({"pid": "202", "pid[0]": None, "pid[1]": None}, "Expecting parameter 'pid' to be an array"),
        ({"addonid": 5, "serviceid": 1}, "Addon ID invalid"),
        ({"servicerenewals[30001]": 1}, "Service ID 30001 can not be renewed at this time."),
    ],
)
async def test_what_cannot_be_ordered_is_refused_in_whmcs_words(changes, message, whmcs):
    kept = {name: value for name, value in changes.items() if value is not None}
    fields = {"clientid": 5011, "paymentmethod": "stripe", "pid[0]": 202}
    fields = {name: value for name, value in {**fields, **kept}.items() if changes.get(name, value) is not None}
    answer = await whmcs.call("AddOrder", **fields)
    assert answer == {"result": "error", "message": message}
    assert whmcs.kinds() == []


async def test_a_price_override_changes_the_recurring_amount_too_unless_switched(whmcs):
    async def amounts():
        answer = await whmcs.order(**{"priceoverride[0]": "1000"})
        service = answer["serviceids"].split(",")[0]
        row = (await whmcs.call("GetClientsProducts", clientid=5011, serviceid=service))["products"]["product"][0]
        return row["firstpaymentamount"], row["recurringamount"]

    assert await amounts() == ("1000.00", "1000.00")
    whmcs.switch(priceOverride="first")
    assert await amounts() == ("1000.00", "2970.00")


async def test_an_order_without_invoice_has_none(whmcs):
    assert (await whmcs.order(noinvoice=1))["invoiceid"] == "0"


async def test_old_installations_say_productids(whmcs):
    whmcs.switch(serviceIdsName="productids")
    answer = await whmcs.order()
    assert "serviceids" not in answer
    assert len(answer["productids"].split(",")) == 2


async def test_a_failing_module_keeps_the_order_pending(whmcs):
    whmcs.switch(moduleError="Connection to the router depot failed")
    answer = await whmcs.order(**{"pid[0]": 301, "pid[1]": 311})
    refused = await whmcs.call("AcceptOrder", orderid=answer["orderid"], autosetup=1)
    assert refused["message"] == "Connection to the router depot failed"
    assert (await whmcs.call("GetOrders", id=answer["orderid"]))["orders"]["order"][0]["status"] == "Pending"
    assert (await whmcs.call("GetModuleQueue"))["queue"][0]["moduleAction"] == "Create"
    whmcs.switch(moduleError="")
    assert (await whmcs.call("AcceptOrder", orderid=answer["orderid"], autosetup=1))["result"] == "success"


async def test_an_accepted_order_may_hide_a_service_that_is_not_active(whmcs):
    """D02: success of AcceptOrder proves nothing about the service."""
    whmcs.switch(moduleError="Connection failed", onModuleError="queue")
    answer = await whmcs.order(**{"pid[0]": 301, "pid[1]": 311})
    assert (await whmcs.call("AcceptOrder", orderid=answer["orderid"], autosetup=1))["result"] == "success"
    router, fee = answer["serviceids"].split(",")
    services = (await whmcs.call("GetClientsProducts", clientid=5011, limitnum=100))["products"]["product"]
    status = {service["id"]: service["status"] for service in services}
    assert (status[router], status[fee]) == ("Pending", "Active")
    assert (await whmcs.call("GetModuleQueue", serviceId=router))["count"] == 1
    whmcs.switch(acceptActivates=False)
    other = await whmcs.order()
    await whmcs.call("AcceptOrder", orderid=other["orderid"])
    lines = (await whmcs.call("GetOrders", id=other["orderid"]))["orders"]["order"][0]["lineitems"]["lineitem"]
    assert [line["status"] for line in lines] == ["Pending", "Pending"]


async def test_staff_see_orders_with_their_markers(whmcs):
    await whmcs.order()
    assert MARKER in (await whmcs.http.get("/admin/orders.php")).text


async def test_staff_change_a_products_price_and_nothing_else_is_one(whmcs):
    page = (await whmcs.http.get("/admin/products.php")).text
    assert 'name="price"' in page
    changed = await whmcs.http.post("/admin/products.php", data={"pid": "101", "price": "4321"})
    assert changed.status_code in (200, 303)
    product = (await whmcs.call("GetProducts", pid=101))["products"]["product"][0]
    assert "4321.00" in product["pricing"]["JPY"].values()
    for wrong in ({"pid": "101", "price": "-1"}, {"pid": "101", "price": "12.5"}, {"pid": "9", "price": "1"}):
        assert (await whmcs.http.post("/admin/products.php", data=wrong)).status_code == 422


async def test_module_actions_need_a_module(whmcs):
    services = (await whmcs.call("GetClientsProducts", clientid=5011))["products"]["product"]
    router = next(service["id"] for service in services if service["pid"] == "301")
    sim = next(service["id"] for service in services if service["pid"] == "204")

    async def status():
        return (await whmcs.call("GetClientsProducts", serviceid=router))["products"]["product"][0]["status"]

    for action, expected in (
        ("Suspend", "Suspended"),
        ("Unsuspend", "Active"),
        ("ChangePackage", "Active"),
        ("Terminate", "Terminated"),
    ):
        assert (await whmcs.call(f"Module{action}", serviceid=router))["result"] == "success"
        assert await status() == expected
    assert (await whmcs.call("ModuleSuspend", serviceid=sim))["message"] == "Service not assigned to a module"
    assert (await whmcs.call("ModuleSuspend"))["message"] == "Service ID is required"
    assert (await whmcs.call("ModuleCreate", serviceid=1))["message"] == "Service ID not found"


async def test_a_service_record_can_be_changed_and_read_back(whmcs):
    answer = await whmcs.order()
    service = answer["serviceids"].split(",")[0]
    from_map = base64.b64encode(b'a:2:{i:3202;s:11:"07012345678";i:9999;s:1:"x";}').decode()
    changed = await whmcs.call(
        "UpdateClientProduct",
        serviceid=service,
        status="Suspended",
        domain="07012345678",
        suspendreason="Overdue",
        customfields=from_map,
        recurringamount="3000",
    )
    assert changed == {"result": "success", "serviceid": service}
    row = (await whmcs.call("GetClientsProducts", clientid=5011, serviceid=service))["products"]["product"][0]
    assert (row["status"], row["domain"], row["suspensionreason"], row["recurringamount"]) == (
        "Suspended",
        "07012345678",
        "Overdue",
        "3000.00",
    )
    values = {field["id"]: field["value"] for field in row["customfields"]["customfield"]}
    assert values["3202"] == "07012345678"
    assert values["1202"] == MARKER
    await whmcs.call("UpdateClientProduct", serviceid=service, **{"unset[]": "suspendreason"})
    row = (await whmcs.call("GetClientsProducts", serviceid=service))["products"]["product"][0]
    assert row["suspensionreason"] == ""
    assert (await whmcs.call("UpdateClientProduct", serviceid=1))["message"] == "Service ID Not Found"


async def test_a_service_is_cancelled_at_the_end_of_its_period_once_requested(whmcs):
    services = (await whmcs.call("GetClientsProducts", clientid=5012))["products"]["product"]
    service = services[0]["id"]
    asked = await whmcs.call("AddCancelRequest", serviceid=service, type="End of Billing Period", reason="Moving")
    assert asked == {"result": "success", "serviceid": service, "userid": "5012"}
    again = await whmcs.call("AddCancelRequest", serviceid=service)
    assert again["message"] == "Existing Cancellation Request Exists"
    assert (await whmcs.call("GetCancelledPackages"))["packages"]["package"][0]["relid"] == service
    whmcs.core.clock.advance(86400 * 40)
    row = (await whmcs.call("GetClientsProducts", serviceid=service))["products"]["product"][0]
    assert row["status"] == "Cancelled"


async def test_an_upgrade_makes_an_invoice_and_changes_the_service_when_paid(whmcs):
    services = (await whmcs.call("GetClientsProducts", clientid=5017))["products"]["product"]
    fields = {"serviceid": services[0]["id"], "type": "product", "newproductid": 102, "paymentmethod": "stripe"}
    price = await whmcs.call("UpgradeProduct", calconly=1, **fields)
    assert price["price"].startswith("¥")
    ordered = await whmcs.call("UpgradeProduct", **fields)
    assert ordered["newproductid"] == 102
    if ordered["invoiceid"]:
        again = await whmcs.call("UpgradeProduct", **fields)
        assert again["message"].startswith("Unable to accept upgrade order.")
        await whmcs.call("CapturePayment", invoiceid=ordered["invoiceid"])
    row = (await whmcs.call("GetClientsProducts", serviceid=services[0]["id"]))["products"]["product"][0]
    assert (row["pid"], row["recurringamount"]) == ("102", "6600.00")
