import pytest

from portal_contracts.problems import TryLater
from portal_salesforce.composite import change, creation, culprit, lookup, read_replies, upsertion
from portal_salesforce.field_values import Reference
from portal_salesforce.ids import is_id, long_id, long_id_or_none, object_of, short_id
from portal_salesforce.record_rows import rejection, row_replies
from portal_salesforce.soql import equals, select

ROOT = "/services/data/v66.0/"
ORDER = "801Sd0000000001"


def test_steps_have_the_form_of_the_wire():
    assert upsertion("order", "Order", "Portal_Order_Key__c", "a/b c'%", {"Status": "Draft"}).on_the_wire(ROOT) == {
        "method": "PATCH",
        "url": ROOT + "sobjects/Order/Portal_Order_Key__c/a%2Fb%20c%27%25",
        "referenceId": "order",
        "body": {"Status": "Draft"},
    }
    assert creation("note", "CaseComment", {"ParentId": Reference("case")}).on_the_wire(ROOT)["body"] == {
        "ParentId": "@{case.id}"
    }
    assert change("order", "Order", Reference("made"), {}).path == "sobjects/Order/@{made.id}"
    assert change("order", "Order", ORDER, {}).path == f"sobjects/Order/{long_id(ORDER)}"
    assert (
        lookup("found", select("Order", "Id").where(equals("Name", "ä&b")))
        .on_the_wire(ROOT)["url"]
        .endswith("query/?q=SELECT%20Id%20FROM%20Order%20WHERE%20Name%20%3D%20%27%C3%A4%26b%27")
    )


def test_the_external_id_is_not_in_the_body_as_well():
    assert upsertion("o", "Order", "Key__c", "k", {"key__C": "k", "Status": "Draft"}).body == {"Status": "Draft"}


@pytest.mark.parametrize("value", ["", ".", "..", "a\nb", "\x00", "\x7f"])
def test_an_external_id_cannot_leave_its_place_in_the_path(value):
    with pytest.raises(ValueError, match="external id"):
        upsertion("o", "Order", "Key__c", value, {})


@pytest.mark.parametrize(
    "record_id", ["", "../Contact/003Sd0000000001", "//evil.example/x", "801", "801Sd0000000001AAB", ORDER + "/x"]
)
def test_what_is_no_id_never_reaches_a_path(record_id):
    """Reference salesforce.md 2.11: a path could leave the object or even the host."""
    with pytest.raises(ValueError, match="id"):
        change("o", "Order", record_id, {})


def entry(reference, status, body=None):
    return {"referenceId": reference, "httpStatusCode": status, "body": body, "httpHeaders": {}}


def error(code, message=""):
    return [{"errorCode": code, "message": message}]


def test_the_culprit_is_found_among_the_rolled_back():
    content = {
        "compositeResponse": [
            entry("a", 400, error("PROCESSING_HALTED")),
            entry("b", 400, error("FIELD_INTEGRITY_EXCEPTION", "why")),
            entry("c", 400, error("ALL_OR_NONE_OPERATION_ROLLED_BACK")),
        ]
    }
    assert culprit(read_replies(content, ["a", "b", "c"])).problem.error_code == "FIELD_INTEGRITY_EXCEPTION"


def test_a_condition_that_is_not_met_is_told_from_what_it_took_along():
    """Reference salesforce.md 2.5: naming the first record of a query that found none fails the whole composite."""
    content = {
        "compositeResponse": [
            entry("asread", 400, error("PROCESSING_HALTED", "The transaction was rolled back since another failed.")),
            entry(
                "order",
                400,
                error(
                    "PROCESSING_HALTED",
                    "Invalid reference specified. No value for asread.records[0].Id found in asread",
                ),
            ),
        ]
    }
    refusal = culprit(read_replies(content, ["asread", "order"])).problem
    assert refusal.nothing_found
    content["compositeResponse"][1] = entry("order", 400, error("FIELD_INTEGRITY_EXCEPTION", "why"))
    assert not culprit(read_replies(content, ["asread", "order"])).problem.nothing_found


def test_a_step_can_name_what_a_query_found():
    found = Reference("asread", found=True)
    assert change("order", "Order", found, {}).path == "sobjects/Order/@{asread.records[0].Id}"
    with pytest.raises(ValueError, match="cannot name"):
        str(Reference("as read", found=True))


def test_replies_are_read_by_reference():
    made = {"id": long_id(ORDER), "success": True, "errors": [], "created": True}
    found = {"totalSize": 1, "done": True, "records": [{"attributes": {}, "Id": "1"}]}
    content = {"compositeResponse": [entry("b", 200, found), entry("a", 201, made), entry("c", 204)]}
    replies = read_replies(content, ["a", "b", "c"])
    assert (replies["a"].id, replies["a"].created, replies["c"].created) == (long_id(ORDER), True, False)
    assert replies["b"].records == [{"Id": "1"}]
    assert culprit(replies) is None


@pytest.mark.parametrize(
    "content", [None, {}, [], {"compositeResponse": []}, {"compositeResponse": [{"referenceId": "a"}]}]
)
def test_an_incomplete_answer_is_no_answer(content):
    with pytest.raises(TryLater):
        read_replies(content, ["a"])


def test_rows_say_what_became_of_them():
    rows = row_replies(
        [
            {"success": True, "id": ORDER, "created": True, "errors": []},
            {"success": True, "id": ORDER, "errors": [{"statusCode": "OPERATION_ENQUEUED"}]},
            {"success": False, "errors": [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK"}]},
            {"success": False, "errors": [{"statusCode": "DUPLICATE_VALUE", "fields": ["K"]}]},
        ],
        4,
    )
    assert [row.id for row in rows] == [long_id(ORDER), long_id(ORDER), None, None]
    assert rejection(rows).problem.duplicate
    assert rejection(rows[:2]) is None
    with pytest.raises(TryLater):
        row_replies([], 1)


def test_ids_are_eighteen_characters_inside():
    """R-wide rule: reference salesforce.md 2.10."""
    assert long_id("001Dp00000JJkkH") == "001Dp00000JJkkHIAT"
    assert short_id("001Dp00000JJkkHIAT") == "001Dp00000JJkkH"
    assert object_of(long_id(ORDER)) == "Order"
    assert is_id(ORDER, "Order")
    assert not is_id(ORDER, "Account")
    assert long_id_or_none(None) is long_id_or_none("x") is long_id_or_none(5) is None
