import base64

import httpx
import pytest

from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.salesforce.seed import account_id, entry_id

DATA = "/services/data"


def code(reply):
    (error,) = reply.json()
    return reply.status_code, error["errorCode"]


async def test_versions_need_no_session_and_unknown_ones_do_not_exist(http):
    versions = (await http.get(f"{DATA}/")).json()
    assert {"label": "Spring '26", "url": f"{DATA}/v66.0", "version": "66.0"} in versions
    assert code(await http.get(f"{DATA}/v99.0/limits")) == (404, "NOT_FOUND")
    assert code(await http.get(f"{DATA}/v62.0/limits")) == (401, "INVALID_SESSION_ID")


async def test_a_record_is_created_read_changed_and_deleted(rest, staff):
    reply = await rest.call("POST", "sobjects/Account/", {"Name": "山田 太郎", "SF_Account_No__c": "T-1"})
    record_id = reply.json()["id"]
    assert reply.status_code == 201
    assert reply.headers["location"] == f"{DATA}/v62.0/sobjects/Account/{record_id}"
    assert reply.headers["sforce-limit-info"].startswith("api-usage=")
    assert len(record_id) == 18
    read = (await rest.call("GET", f"sobjects/Account/{record_id[:15]}", fields="Name,Owner.Username")).json()
    assert (read["Name"], read["Id"]) == ("山田 太郎", record_id)
    assert read["Owner"]["Username"] == "portal@sandbox.invalid"
    changed = await rest.call("PATCH", f"sobjects/Account/{record_id}", {"Phone": "03-0000-0000"})
    assert (changed.status_code, changed.content) == (204, b"")
    assert (await staff.call("DELETE", f"sobjects/Account/{record_id}")).status_code == 204
    assert code(await staff.call("DELETE", f"sobjects/Account/{record_id}")) == (404, "ENTITY_IS_DELETED")
    all_rows = await rest.call("GET", "queryAll", q="SELECT Id, IsDeleted FROM Account WHERE IsDeleted = true")
    assert [row["Id"] for row in all_rows.json()["records"]] == [record_id]


async def test_an_upsert_creates_then_changes_the_same_record(rest):
    path = "sobjects/Opportunity/Portal_Opportunity_Key__c/cart%2F1%20a"
    fields = {"Name": "A", "StageName": "Introduction", "CloseDate": "2026-12-01"}
    first = await rest.call("PATCH", path, fields)
    second = await rest.call("PATCH", path.replace("cart", "CART"), {"Name": "B"})
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()) == (
        200,
        {"id": first.json()["id"], "success": True, "errors": [], "created": False},
    )
    read = (await rest.call("GET", path)).json()
    assert (read["Name"], read["Portal_Opportunity_Key__c"]) == ("B", "cart/1 a")
    in_body = await rest.call("PATCH", path, {"Portal_Opportunity_Key__c": "x"})
    assert code(in_body) == (400, "INVALID_FIELD")
    no_key = await rest.call("PATCH", "sobjects/Opportunity/Name/x", {})
    assert code(no_key) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "sobjects/Nothing/describe", None, (404, "NOT_FOUND")),
        ("GET", "sobjects/Account/001000000000001AAA", None, (404, "NOT_FOUND")),
        ("GET", "sobjects/Account/003000000000001AAA", None, (400, "MALFORMED_ID")),
        ("GET", "sobjects/Account/nonsense", None, (404, "NOT_FOUND")),
        ("PUT", "sobjects/Account/", {"Name": "x"}, (405, "METHOD_NOT_ALLOWED")),
        ("POST", "sobjects/Account/", [], (400, "JSON_PARSER_ERROR")),
        ("POST", "sobjects/Account/", {}, (400, "REQUIRED_FIELD_MISSING")),
        ("POST", "query", {}, (405, "METHOD_NOT_ALLOWED")),
        ("GET", "query", None, (400, "MALFORMED_QUERY")),
        ("GET", "query/0r8xxxxxxxxxxxxAAA-2000", None, (400, "INVALID_QUERY_LOCATOR")),
        ("GET", "tooling/query", None, (400, "MALFORMED_QUERY")),
    ],
)
async def test_refusals_carry_the_vendors_status_and_code(rest, method, path, body, expected):
    assert code(await rest.call(method, path, body)) == expected


async def test_bodies_have_to_be_json(http, token):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    broken = await http.post(f"{DATA}/v62.0/sobjects/Account", content=b"{", headers=headers)
    assert code(broken) == (400, "JSON_PARSER_ERROR")
    form = await http.post(
        f"{DATA}/v62.0/sobjects/Account", data={"Name": "x"}, headers={**headers, "Content-Type": "x/y"}
    )
    assert code(form) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_queries_are_paged_by_a_snapshot(rest, http, switch):
    switch(queryBatchSize=12)
    page = await rest.query("SELECT SF_Account_No__c FROM Account ORDER BY SF_Account_No__c")
    await rest.create("Account", Name="Late", SF_Account_No__c="A-0")
    rows = list(page["records"])
    assert (page["totalSize"], page["done"]) == (30, False)
    while not page["done"]:
        page = (await http.get(page["nextRecordsUrl"], headers=rest.headers)).json()
        rows += page["records"]
    assert "nextRecordsUrl" not in page
    assert [row["SF_Account_No__c"] for row in rows] == [f"SNX-{number}" for number in range(10001, 10031)]
    assert (await rest.query("SELECT COUNT() FROM Account"))["totalSize"] == 31


async def test_describe_tells_the_dialect(rest, switch):
    described = (await rest.call("GET", "sobjects/Order/describe")).json()
    fields = {field["name"]: field for field in described["fields"]}
    assert described["keyPrefix"] == "801"
    assert [value["value"] for value in fields["Activation_Status__c"]["picklistValues"]] == [
        "Pending Review",
        "Activating",
        "Provisioned",
        "Failed",
    ]
    assert fields["Portal_Order_Key__c"]["externalId"] is True
    assert fields["OrderNumber"]["autoNumber"] is True
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    required = {name for name, field in fields.items() if field["createable"] and not field["nillable"]}
    assert {"AccountId", "EffectiveDate", "Status"} <= required
    switch(dialect="2025-08", optionalOrderFields=False, productIdField="both")
    described = (await rest.call("GET", "sobjects/Order/describe")).json()
    names = {field["name"] for field in described["fields"]}
    assert "Activation_Scheduled_At__c" not in names
    products = (await rest.call("GET", "sobjects/Product2/describe")).json()
    assert {"WH_Product_ID__c", "WHMCS_Product_Id__c"} <= {field["name"] for field in products["fields"]}
    listed = (await rest.call("GET", "sobjects/")).json()["sobjects"]
    assert "OrderProvisionRequested__e" in {item["name"] for item in listed}


async def test_composite_makes_order_and_items_at_once(rest):
    item = {"OrderId": "@{refOrder.id}", "PricebookEntryId": entry_id("SIM-DATA-ESIM-10G"), "Quantity": 1}
    order = {"AccountId": account_id("SNX-10001"), "Status": "Draft", "EffectiveDate": "2026-11-21"}
    base = f"{DATA}/v62.0/sobjects"
    requests = [
        {
            "method": "POST",
            "url": f"{base}/Order/",
            "referenceId": "refOrder",
            "body": {**order, "Pricebook2Id": PORTAL_PRICEBOOK_ID},
        },
        {"method": "POST", "url": f"{base}/OrderItem/", "referenceId": "line", "body": item},
        {"method": "GET", "url": f"{base}/Order/@{{refOrder.id}}?fields=TotalAmount", "referenceId": "read"},
    ]
    reply = await rest.call("POST", "composite/", {"allOrNone": True, "compositeRequest": requests})
    first, second, third = reply.json()["compositeResponse"]
    assert reply.status_code == 200
    assert (first["httpStatusCode"], second["httpStatusCode"]) == (201, 201)
    assert first["httpHeaders"]["Location"].endswith(first["body"]["id"])
    assert third["body"]["TotalAmount"] == 1650.0


async def test_a_failing_composite_is_rolled_back_as_a_whole(rest):
    base = f"{DATA}/v62.0/sobjects/Account"
    requests = [
        {"method": "POST", "url": base, "referenceId": "one", "body": {"Name": "A", "SF_Account_No__c": "C-1"}},
        {"method": "POST", "url": base, "referenceId": "two", "body": {"Name": "B", "SF_Account_No__c": "SNX-10001"}},
        {"method": "POST", "url": base, "referenceId": "three", "body": {"Name": "C", "ParentId": "@{one.id}"}},
    ]
    reply = await rest.call("POST", "composite", {"allOrNone": True, "compositeRequest": requests})
    codes = [entry["body"][0]["errorCode"] for entry in reply.json()["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "DUPLICATE_VALUE", "PROCESSING_HALTED"]
    assert (await rest.query("SELECT Id FROM Account WHERE SF_Account_No__c = 'C-1'"))["totalSize"] == 0
    requests[2]["body"]["ParentId"] = "@{two.id}"
    reply = await rest.call("POST", "composite", {"compositeRequest": requests})
    assert [entry["httpStatusCode"] for entry in reply.json()["compositeResponse"]] == [201, 400, 400]
    assert (await rest.query("SELECT Id FROM Account WHERE SF_Account_No__c = 'C-1'"))["totalSize"] == 1
    del requests[0]["referenceId"]
    assert (await rest.call("POST", "composite", {"compositeRequest": requests})).status_code == 400


async def test_collections_save_what_they_can_or_all_or_nothing(rest, staff):
    def account(number):
        return {"attributes": {"type": "Account"}, "Name": "A", "SF_Account_No__c": number}

    records = [account("L-1"), account("SNX-10001"), account("L-2")]
    reply = await rest.call("POST", "composite/sobjects", {"allOrNone": True, "records": records})
    codes = [result["errors"][0]["statusCode"] for result in reply.json()]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "DUPLICATE_VALUE", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]
    reply = await rest.call("POST", "composite/sobjects", {"records": records})
    assert [result["success"] for result in reply.json()] == [True, False, True]
    saved = [result["id"] for result in reply.json() if result["success"]]
    updates = [{"attributes": {"type": "Account"}, "id": one, "Name": "B"} for one in saved]
    reply = await rest.call("PATCH", "composite/sobjects", {"records": updates})
    assert [result["success"] for result in reply.json()] == [True, True]
    reply = await rest.call(
        "PATCH", "composite/sobjects/Account/SF_Account_No__c", {"records": [account("L-2"), account("L-3")]}
    )
    assert [result["created"] for result in reply.json()] == [False, True]
    reply = await staff.call("DELETE", "composite/sobjects", ids=",".join(saved), allOrNone="true")
    assert [result["success"] for result in reply.json()] == [True, True]


async def test_a_tree_and_a_batch(rest):
    children = {"records": [{"attributes": {"type": "Contact", "referenceId": "r2"}, "LastName": "Child"}]}
    tree = {"attributes": {"type": "Account", "referenceId": "r1"}, "Name": "Root", "Contacts": children}
    planted = await rest.call("POST", "composite/tree/Account", {"records": [tree]})
    assert planted.status_code == 201
    assert [result["referenceId"] for result in planted.json()["results"]] == ["r1", "r2"]
    requests = [{"method": "GET", "url": "v62.0/sobjects/Nope"}, {"method": "GET", "url": "v62.0/limits"}]
    batch = await rest.call("POST", "composite/batch", {"haltOnError": True, "batchRequests": requests})
    assert [result["statusCode"] for result in batch.json()["results"]] == [404, 412]


async def test_a_file_is_stored_linked_and_read_back(rest):
    case = await rest.create("Case", Subject="Papers")
    content = b"fake picture" * 1000
    version = await rest.create(
        "ContentVersion",
        PathOnClient="front.png",
        VersionData=base64.b64encode(content).decode(),
        FirstPublishLocationId=case,
    )
    text = "SELECT ContentDocument.LatestPublishedVersionId FROM ContentDocumentLink WHERE LinkedEntityId = ':id'"
    links = await rest.query(text.replace(":id", case))
    assert links["records"][0]["ContentDocument"]["LatestPublishedVersionId"] == version
    raw = await rest.call("GET", f"sobjects/ContentVersion/{version}/VersionData")
    assert raw.content == content


async def test_a_platform_event_published_by_rest_is_a_success_with_an_errors_entry(staff, sandbox):
    reply = await staff.call("POST", "sobjects/OrderProvisionRequested__e/", {"OrderId__c": "801"})
    body = reply.json()
    assert (reply.status_code, body["success"]) == (201, True)
    assert body["errors"][0]["statusCode"] == "OPERATION_ENQUEUED"
    (entry,) = sandbox.core.ledger.entries(kind="salesforce.event.published")
    assert entry.detail["eventId"] == body["errors"][0]["message"]


async def test_the_daily_quota_ends_and_comes_back_after_a_day(rest, switch, sandbox):
    switch(dailyApiRequests=1)
    assert (await rest.call("GET", "limits")).status_code == 200
    assert code(await rest.call("GET", "limits")) == (403, "REQUEST_LIMIT_EXCEEDED")
    sandbox.core.clock.advance(24 * 3600)
    assert (await rest.call("GET", "limits")).status_code == 200


async def test_a_lost_reply_leaves_the_record_to_be_found_by_its_key(rest, sandbox):
    sandbox.core.faults.arm({"vendor": "salesforce", "call": "PATCH Order", "kind": "after_effect", "times": 1})
    fields = {
        "AccountId": account_id("SNX-10001"),
        "Status": "Draft",
        "EffectiveDate": "2026-11-21",
        "Pricebook2Id": PORTAL_PRICEBOOK_ID,
    }
    path = "sobjects/Order/Portal_Order_Key__c/key-1"
    with pytest.raises(httpx.TransportError):
        await rest.call("PATCH", path, fields)
    again = await rest.call("PATCH", path, {"Status": "Pending Review"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert len(sandbox.core.ledger.entries(kind="salesforce.order.created")) == 1


async def test_updated_and_deleted_records_are_listed_by_time(rest, staff, sandbox):
    record_id = await rest.create("Account", Name="Short-lived")
    await staff.call("DELETE", f"sobjects/Account/{record_id}")
    span = {"start": "2020-01-01T00:00:00+00:00", "end": "2100-01-01T00:00:00+00:00"}
    deleted = (await rest.call("GET", "sobjects/Account/deleted/", **span)).json()
    assert [row["id"] for row in deleted["deletedRecords"]] == [record_id]
    updated = (await rest.call("GET", "sobjects/Account/updated/", **span)).json()
    assert len(updated["ids"]) == 30
