import pytest

from portal_sandbox.salesforce.errors import SalesforceError
from portal_sandbox.salesforce.seed import account_id, product_id
from portal_sandbox.salesforce.soql.engine import Engine
from portal_sandbox.salesforce.soql.syntax import parse


@pytest.fixture
def query(org):
    def run(template, record_id=""):
        text = template.replace(":id", f"'{record_id}'")
        parsed = parse(text)
        with org.reading() as transaction:
            engine = Engine(transaction, text, "62.0")
            return [engine.project(parsed, row) for row in engine.matching(parsed)]

    return run


@pytest.fixture
def refusal(query):
    def code(text):
        with pytest.raises(SalesforceError) as caught:
            query(text)
        return caught.value.code

    return code


def numbers(rows):
    return [row["SF_Account_No__c"] for row in rows]


def test_a_text_is_found_whatever_its_case(query):
    assert numbers(query("SELECT SF_Account_No__c FROM Account WHERE SF_Account_No__c = 'snx-10002'")) == ["SNX-10002"]
    assert numbers(query("select sf_account_no__c from account where name = 'EMILY CARTER'")) == ["SNX-10003"]


def test_in_not_in_and_or_not_combine(query):
    text = (
        "SELECT SF_Account_No__c FROM Account WHERE SF_Account_No__c IN ('SNX-10001','SNX-10002','SNX-10003') "
        "AND (NOT SF_Account_No__c = 'SNX-10001') AND (Name = 'nobody' OR SF_Account_No__c NOT IN ('SNX-10003'))"
    )
    assert numbers(query(text)) == ["SNX-10002"]


def test_like_knows_wildcards_and_their_escapes(query, portal):
    portal.create("Account", Name="100%_sure", SF_Account_No__c="X-1")
    portal.create("Account", Name="100 percent", SF_Account_No__c="X-2")
    assert numbers(query("SELECT SF_Account_No__c FROM Account WHERE Name LIKE '100%'")) == ["X-1", "X-2"]
    assert numbers(query(r"SELECT SF_Account_No__c FROM Account WHERE Name LIKE '100\%\_s%'")) == ["X-1"]


def test_an_injected_quote_stays_text(query):
    assert query(r"SELECT Id FROM Account WHERE SF_Account_No__c = '\' OR SF_Account_No__c LIKE \'%'") == []


def test_ids_match_in_both_lengths(query):
    long_id = account_id("SNX-10001")
    assert len(query("SELECT Id FROM Account WHERE Id = :id", long_id[:15])) == 1
    assert len(query("SELECT Id FROM Contact WHERE AccountId IN (:id, :id)", long_id[:15])) == 1


def test_parents_are_nested_and_a_missing_parent_is_null(query, portal):
    case = portal.create("Case", Subject="No account")
    (row,) = query("SELECT Subject, Account.Name, Account.Owner.Name FROM Case WHERE Id = :id", case)
    assert row["Account"] is None
    (contact,) = query(
        "SELECT Account.Name, Account.SF_Account_No__c FROM Contact WHERE AccountId = :id", account_id("SNX-10003")
    )
    assert contact["Account"]["Name"] == "Emily Carter"
    assert contact["Account"]["attributes"]["type"] == "Account"


def test_children_are_a_sub_result_and_none_of_them_is_null(query):
    sku = product_id("INT-HOME-1G")
    (row,) = query(
        "SELECT Id, (SELECT UnitPrice, Pricebook2.Name FROM PricebookEntries WHERE Pricebook2.IsStandard = false) "
        "FROM Product2 WHERE Id = :id",
        sku,
    )
    assert row["PricebookEntries"]["records"][0]["UnitPrice"] == 5500.0
    assert row["PricebookEntries"]["records"][0]["Pricebook2"]["Name"] == "Portal"
    (lonely,) = query("SELECT Id, (SELECT Id FROM PricebookEntries) FROM Product2 WHERE ProductCode = 'VPN-UNPRICED'")
    assert lonely["PricebookEntries"] is None


def test_order_limit_offset_and_nulls(query):
    rows = query("SELECT SF_Account_No__c FROM Account ORDER BY SF_Account_No__c DESC LIMIT 2 OFFSET 1")
    assert numbers(rows) == ["SNX-10029", "SNX-10028"]
    first = query("SELECT WH_Account__c FROM Account ORDER BY WH_Account__c LIMIT 1")[0]
    last = query("SELECT WH_Account__c FROM Account ORDER BY WH_Account__c NULLS LAST LIMIT 1")[0]
    assert first["WH_Account__c"] is None
    assert last["WH_Account__c"] is not None


def test_dates_compare_unquoted(query, portal):
    portal.create("Account", Name="Fresh", SF_Account_No__c="X-9")
    assert numbers(query("SELECT SF_Account_No__c FROM Account WHERE CreatedDate = TODAY")) == ["X-9"]
    assert "X-9" in numbers(query("SELECT SF_Account_No__c FROM Account WHERE SystemModstamp >= 2020-01-01T00:00:00Z"))
    assert len(query("SELECT Id FROM Account WHERE CreatedDate < LAST_N_DAYS:3")) == 30


def test_null_and_booleans(query):
    assert len(query("SELECT Id FROM Product2 WHERE Portal_Visible__c = false")) >= 1
    assert len(query("SELECT Id FROM Account WHERE WH_Account__c != null")) >= 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Nothing__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nothing__c = 'x'", "INVALID_FIELD"),
        ("SELECT Id, Nothing__r.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id FROM OrderProvisionRequested__e", "INVALID_TYPE"),
        ("SELECT Id FROM Case WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Case ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Id IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account FOR UPDATE", "MALFORMED_QUERY"),
        ("SELECT COUNT(Id) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account GROUP BY Name", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'unfinished", "MALFORMED_QUERY"),
        (r"SELECT Id FROM Account WHERE Name = '\q'", "MALFORMED_QUERY"),
        ("SELECT Id FROM ContentDocumentLink", "MALFORMED_QUERY"),
        ("DELETE FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_what_the_org_does_not_know_is_refused_with_its_code(refusal, text, code):
    assert refusal(text) == code


def test_a_refusal_points_into_the_query(query):
    with pytest.raises(
        SalesforceError, match=r"\^\nERROR at Row:1:Column:12\nNo such column 'Nope' on entity 'Account'"
    ):
        query("SELECT Id, Nope FROM Account")


def test_the_literal_limit_holds(refusal):
    assert refusal("SELECT Id FROM Account WHERE Name = '" + "x" * 4001 + "'") == "MALFORMED_QUERY"


def test_a_picklist_is_found_whatever_its_case_and_an_empty_one_is_null(query, portal):
    order = portal.order(Status="Pending Review")
    assert [row["Id"] for row in query("SELECT Id FROM Order WHERE Status = 'PENDING review'")] == [order]
    assert [row["Id"] for row in query("SELECT Id FROM Order WHERE Status IN ('Draft', 'pending review')")] == [order]
    assert len(query("SELECT Id FROM Account WHERE Portal_Status__c = ''")) >= 20
