"""Each refusal of Salesforce leads to one reaction (reference salesforce.md 2.6, 6)."""

import pytest

from portal_contracts.problems import Misconfigured, TryLater
from portal_salesforce.errors import Again, SalesforceRefusal, details, judge


def one(code, message="", fields=()):
    return [{"errorCode": code, "message": message, "fields": list(fields)}]


@pytest.mark.parametrize(
    ("status", "content", "kind", "again"),
    [
        (401, one("INVALID_SESSION_ID", "Session expired or invalid"), Misconfigured, Again.LOGGED_IN),
        (401, one("INVALID_SESSION_ID", "… not valid for use with the REST API"), Misconfigured, Again.NEVER),
        (401, "", Misconfigured, Again.LOGGED_IN),
        (403, one("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), TryLater, Again.NEVER),
        (403, one("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), TryLater, Again.SOON),
        (400, one("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), TryLater, Again.SOON),
        (400, one("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Flow: UNABLE_TO_LOCK_ROW, …"), TryLater, Again.SOON),
        (400, one("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "a trigger threw"), SalesforceRefusal, Again.NEVER),
        (400, one("ENTITY_IS_LOCKED"), TryLater, Again.NEVER),
        (503, one("SERVER_UNAVAILABLE", "maintenance"), TryLater, Again.IF_HARMLESS),
        (500, one("UNKNOWN_EXCEPTION"), TryLater, Again.IF_HARMLESS),
        (503, "<html>We are down for maintenance</html>", TryLater, Again.IF_HARMLESS),
        (403, "<html>a proxy</html>", TryLater, Again.IF_HARMLESS),
        (302, "", TryLater, Again.IF_HARMLESS),
        (429, {}, TryLater, Again.IF_HARMLESS),
        (400, one("INVALID_QUERY_LOCATOR"), TryLater, Again.IF_HARMLESS),
        (400, one("INVALID_FIELD", "No such column 'Foo' on sobject of type Account"), Misconfigured, Again.NEVER),
        (400, one("INVALID_FIELD_FOR_INSERT_UPDATE", "…", ["Name"]), Misconfigured, Again.NEVER),
        (400, one("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value"), Misconfigured, Again.NEVER),
        (404, one("NOT_FOUND", "Provided external ID field does not exist or …"), Misconfigured, Again.NEVER),
        (403, one("API_DISABLED_FOR_ORG"), Misconfigured, Again.NEVER),
        (403, one("STORAGE_LIMIT_EXCEEDED"), Misconfigured, Again.NEVER),
        (404, one("NOT_FOUND", "The requested resource does not exist"), SalesforceRefusal, Again.NEVER),
        (404, one("ENTITY_IS_DELETED"), SalesforceRefusal, Again.NEVER),
        (400, one("FIELD_CUSTOM_VALIDATION_EXCEPTION", "text", ["A__c"]), SalesforceRefusal, Again.NEVER),
        (400, one("DUPLICATE_VALUE", "duplicate value found: …"), SalesforceRefusal, Again.NEVER),
        (400, one("SOMETHING_NEW"), SalesforceRefusal, Again.NEVER),
        (300, ["/services/data/v66.0/sobjects/Account/001"], SalesforceRefusal, Again.NEVER),
    ],
)  # fmt: skip
def test_a_refusal_leads_to_one_reaction(status, content, kind, again):
    verdict = judge(status, content)
    assert type(verdict.problem) is kind
    assert verdict.again is again


def test_a_used_up_quota_asks_for_a_long_pause_and_a_crowd_for_a_short_one():
    used_up = judge(403, one("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")).problem
    crowd = judge(403, one("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")).problem
    assert used_up.retry_after >= 600
    assert crowd.retry_after <= 60


def test_a_refusal_names_code_fields_and_text():
    refusal = judge(400, one("FIELD_CUSTOM_VALIDATION_EXCEPTION", "&quot;no&quot;", ["A__c"])).problem
    assert (refusal.error_code, refusal.message, refusal.fields) == (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        '"no"',
        ("A__c",),
    )
    assert str(refusal) == "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def test_rolled_back_neighbours_are_not_the_cause():
    content = [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK"}, {"statusCode": "STRING_TOO_LONG", "fields": ["A"]}]
    assert judge(400, content).problem.error_code == "STRING_TOO_LONG"


def test_a_query_quoted_in_an_error_stays_out_of_our_message():
    message = "\nName = 'Hanako Yamada'\n      ^\nERROR at Row:1:Column:24\nNo such column 'Foo' on entity 'Account'."
    problem = judge(400, one("INVALID_FIELD", message)).problem
    assert "Hanako" not in str(problem)
    assert "No such column 'Foo'" in str(problem)


@pytest.mark.parametrize(
    "content", [None, "", "text", b"bytes", 5, [], [1, 2], [{}], {"error": "x"}, [{"errorCode": 5}]]
)
def test_a_body_of_any_shape_is_survived(content):
    assert details(content) == []
    assert isinstance(judge(500, content).problem, TryLater)
