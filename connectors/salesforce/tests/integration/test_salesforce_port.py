"""The port's one suite: on the sandbox, or on a real org by environment (architecture §12)."""

import secrets
from base64 import b64encode
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from portal_contracts.problems import Misconfigured
from portal_contracts.values import long_salesforce_id
from portal_salesforce import DialectSource, Reference, SalesforceRefusal, change, creation, lookup, upsertion
from portal_salesforce.field_values import whole_number
from portal_salesforce.soql import all_of, any_of, contains, equals, negation, one_of, select, select_count, starts_with

pytestmark = pytest.mark.real_vendor


@pytest.fixture
def key():
    return f"test-{secrets.token_hex(8)}"


@pytest.fixture
async def account_id(salesforce):
    found = await salesforce.query_one(select("Account", "Id").where(equals("SF_Account_No__c", "SNX-10001")))
    return found["Id"]


@pytest.fixture
async def entry(salesforce):
    query = select("PricebookEntry", "Id", "UnitPrice", "Product2.Name").where(
        equals("Pricebook2Id", salesforce.settings.require_pricebook()), equals("IsActive", value=True)
    )
    return await salesforce.query_one(query.order_by("Id"))


def order_fields(account_id, pricebook_id):
    return {
        "AccountId": account_id,
        "EffectiveDate": date(2026, 11, 20),
        "Status": "Draft",
        "Pricebook2Id": pricebook_id,
    }


async def test_a_record_is_found_by_a_query_and_read_by_its_id(salesforce, account_id):
    record = await salesforce.read("Account", account_id, ["Id", "SF_Account_No__c"])
    assert record == {"Id": account_id, "SF_Account_No__c": "SNX-10001"}
    assert await salesforce.read("Account", account_id[:15], ["Id"]) == {"Id": account_id}
    assert (await salesforce.find("Account", "SF_Account_No__c", "SNX-10001", ["Name"]))["Id"] == account_id
    assert await salesforce.find("Account", "SF_Account_No__c", "SNX-00000", ["Name"]) is None


async def test_a_record_that_does_not_exist_is_none(salesforce):
    assert await salesforce.read("Account", "001000000000000", ["Id"]) is None


async def test_several_records_are_read_in_one_go(salesforce):
    known = [record["Id"] for record in await salesforce.query(select("Account", "Id").limit(5))]
    found = await salesforce.read_many("Account", [*known, known[0][:15], "001000000000000AAA"], ["Name"])
    assert set(found) == set(known)
    assert await salesforce.read_many("Account", [], ["Name"]) == {}


async def test_an_upsert_creates_once_and_changes_after_that(salesforce, account_id, key):
    fields = order_fields(account_id, salesforce.settings.require_pricebook())
    order_id, created = await salesforce.upsert("Order", "Portal_Order_Key__c", key, fields)
    again = await salesforce.upsert("Order", "Portal_Order_Key__c", key, {"Description": "second"})
    assert (created, again) == (True, (order_id, False))
    assert await salesforce.count(select_count("Order").where(equals("Portal_Order_Key__c", key))) == 1
    record = await salesforce.read("Order", order_id, ["Description", "EffectiveDate", "Portal_Order_Key__c"])
    assert record == {
        "Id": order_id,
        "Description": "second",
        "EffectiveDate": "2026-11-20",
        "Portal_Order_Key__c": key,
    }


async def test_an_update_writes_clears_and_is_read_back(salesforce, account_id, key):
    fields = order_fields(account_id, salesforce.settings.require_pricebook())
    order_id, _ = await salesforce.upsert("Order", "Portal_Order_Key__c", key, fields)
    at = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
    text = "PRICE_MISMATCH: 'quoted' \\ @{x.id} 山田"
    await salesforce.update(
        "Order",
        order_id,
        {"Activation_Error__c": text, "Activation_Error_DateTime__c": at, "WHMCS_Order_Id__c": 123456789},
    )
    read = await salesforce.read(
        "Order", order_id, ["Activation_Error__c", "Activation_Error_DateTime__c", "WHMCS_Order_Id__c"]
    )
    assert read["Activation_Error__c"] == text.replace("@{", "@ {")
    assert datetime.fromisoformat(read["Activation_Error_DateTime__c"]) == at
    assert whole_number(read["WHMCS_Order_Id__c"]) == 123456789
    await salesforce.update("Order", order_id, {"Activation_Error__c": None})
    assert (await salesforce.read("Order", order_id, ["Activation_Error__c"]))["Activation_Error__c"] is None


async def test_a_composite_makes_an_order_with_its_items_in_one_transaction(salesforce, account_id, entry, key):
    fields = order_fields(account_id, salesforce.settings.require_pricebook())
    item = {"PricebookEntryId": entry["Id"], "Quantity": 1, "UnitPrice": entry["UnitPrice"]}
    steps = [
        upsertion("order", "Order", "Portal_Order_Key__c", key, fields),
        upsertion("item", "OrderItem", "Portal_Item_Key__c", f"{key}#1", {"OrderId": Reference("order"), **item}),
        change("ready", "Order", Reference("order"), {"Status": "Pending Review"}),
        lookup("found", select("Order", "Id", "Status").where(equals("Portal_Order_Key__c", key))),
    ]
    replies = await salesforce.composite(steps)
    assert replies["order"].created
    assert replies["item"].created
    assert replies["found"].records == [{"Id": replies["order"].id, "Status": "Pending Review"}]
    query = select("Order", "Id", "TotalAmount", "Account.SF_Account_No__c").where(equals("Id", replies["order"].id))
    items = select("OrderItems", "Id", "UnitPrice", "Portal_Item_Key__c")
    (read,) = await salesforce.query(query.with_children("OrderItems", items))
    assert read["Account"]["SF_Account_No__c"] == "SNX-10001"
    assert [child["Portal_Item_Key__c"] for child in read["OrderItems"]] == [f"{key}#1"]
    assert read["OrderItems"][0]["UnitPrice"] == entry["UnitPrice"] == read["TotalAmount"]
    assert isinstance(read["TotalAmount"], Decimal)


async def test_a_failed_composite_leaves_nothing_and_names_the_culprit(salesforce, account_id, key):
    fields = order_fields(account_id, salesforce.settings.require_pricebook())
    steps = [
        upsertion("order", "Order", "Portal_Order_Key__c", key, fields),
        upsertion(
            "item", "OrderItem", "Portal_Item_Key__c", f"{key}#1", {"OrderId": Reference("order"), "Quantity": 1}
        ),
    ]
    with pytest.raises(SalesforceRefusal) as caught:
        await salesforce.composite(steps)
    assert caught.value.error_code == "REQUIRED_FIELD_MISSING"
    assert await salesforce.find("Order", "Portal_Order_Key__c", key, []) is None


async def test_a_composite_that_keeps_the_good_says_what_failed(salesforce, account_id, key):
    fields = order_fields(account_id, salesforce.settings.require_pricebook())
    steps = [
        upsertion("good", "Order", "Portal_Order_Key__c", key, fields),
        creation("bad", "CaseComment", {"CommentBody": "no case"}),
    ]
    replies = await salesforce.composite(steps, all_or_none=False)
    assert replies["good"].verdict is None
    assert isinstance(replies["bad"].verdict.problem, SalesforceRefusal)


async def test_rows_are_written_together_and_answered_one_by_one(salesforce, account_id, key):
    fields = order_fields(account_id, salesforce.settings.require_pricebook())
    made = await salesforce.upsert_many("Order", "Portal_Order_Key__c", {f"{key}-{i}": fields for i in range(3)})
    assert [row.created for row in made] == [True] * 3
    changed = await salesforce.update_many(
        "Order",
        {made[0].id: {"Description": "x"}, made[1].id: {"EffectiveDate": None}, made[2].id: {"Description": "z"}},
    )
    assert [row.verdict is None for row in changed] == [True, False, True]
    with pytest.raises(SalesforceRefusal):
        await salesforce.update_many(
            "Order", {made[0].id: {"Description": "y"}, made[1].id: {"EffectiveDate": None}}, all_or_none=True
        )
    assert (await salesforce.read("Order", made[0].id, ["Description"]))["Description"] == "x"


async def test_what_cannot_be_upserted_is_created(salesforce, account_id, key):
    case_id, _ = await salesforce.upsert("Case", "Portal_Case_Key__c", key, {"AccountId": account_id, "Subject": "s"})
    comment_id = await salesforce.create("CaseComment", {"ParentId": case_id, "CommentBody": "hello"})
    read = await salesforce.read("CaseComment", comment_id, ["ParentId", "CommentBody"])
    assert read == {"Id": comment_id, "ParentId": case_id, "CommentBody": "hello"}


@pytest.mark.parametrize(
    "text",
    ["a' OR Name != '", "50% off_", "\\", 'back\\slash\'s "quote"', "line\nbreak", "山田'花子", "' --", "\\' OR 1=1"],
)
async def test_a_hostile_text_is_only_ever_a_value(salesforce, account_id, key, text):
    case_id, _ = await salesforce.upsert("Case", "Portal_Case_Key__c", key, {"AccountId": account_id, "Subject": text})
    mine = equals("Portal_Case_Key__c", key)
    for condition in (
        equals("Subject", text),
        contains("Subject", text),
        starts_with("Subject", text),
        one_of("Subject", [text]),
    ):
        assert [row["Id"] for row in await salesforce.query(select("Case", "Id").where(mine, condition))] == [case_id]
    nothing = all_of(mine, any_of(equals("Subject", "x" + text), negation(equals("Subject", text))))
    assert await salesforce.query(select("Case", "Id").where(nothing)) == []


async def test_our_mistakes_are_misconfiguration(salesforce):
    with pytest.raises(Misconfigured, match="INVALID_FIELD"):
        await salesforce.query(select("Account", "Nonsense__c"))
    with pytest.raises(Misconfigured, match="INVALID_TYPE"):
        await salesforce.query(select("Nonsense__c", "Id"))
    with pytest.raises(Misconfigured, match="external ID"):
        await salesforce.upsert("Order", "Nonsense__c", "1", {})


async def test_a_missing_record_cannot_be_changed(salesforce):
    with pytest.raises(SalesforceRefusal) as caught:
        await salesforce.update("Order", "801000000000000AAA", {"Description": "x"})
    assert caught.value.missing


async def test_the_quota_is_known_after_any_call(salesforce):
    """R285."""
    assert salesforce.api_usage is None
    limits = await salesforce.limits()
    assert salesforce.api_usage.most == limits["DailyApiRequests"]["Max"]
    assert salesforce.api_usage.used > 0


async def test_the_dialect_is_read_from_the_org(salesforce):
    dialect = await DialectSource(
        salesforce, "Account", "Order", "OrderItem", "Opportunity", "Product2", "Case"
    ).current()
    assert dialect.field("order.activationStatus") == "Activation_Status__c"
    assert dialect.field("product.whmcsProductId") in ("WH_Product_ID__c", "WHMCS_Product_Id__c")
    assert dialect.read("order.status", dialect.write("order.status", "completed")) == "completed"


async def test_a_query_longer_than_an_address_is_asked_all_the_same(salesforce, account_id):
    ids = [f"001{number:012d}" for number in range(700)]
    query = select("Account", "Id").where(one_of("Id", [*ids, account_id]))
    assert [row["Id"] for row in await salesforce.query(query)] == [account_id]


async def test_a_files_bytes_come_back_as_they_were(salesforce, account_id):  # reference 2.4, 3.4
    content = bytes(range(256)) * 64
    fields = {"Title": "bytes", "PathOnClient": "bytes.bin", "VersionData": b64encode(content).decode()}
    version = await salesforce.create("ContentVersion", {**fields, "FirstPublishLocationId": account_id})
    assert await salesforce.blob("ContentVersion", version, "VersionData") == content
    assert await salesforce.blob("ContentVersion", long_salesforce_id("068000000000999"), "VersionData") is None
