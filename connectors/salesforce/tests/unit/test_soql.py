"""SOQL cannot be injected (reference salesforce.md 2.9): every vector below stays inside its literal or is refused."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal_salesforce import soql

HOSTILE_TEXTS = (
    "'",
    "''",
    "\\",
    "\\'",
    "\\\\'",
    "\\\\",
    "a' OR 'x'='x",
    "a\\' OR \\'x\\'=\\'x",
    "x' OR Name != '",
    "x' AND Id IN (SELECT AccountId FROM Contact) AND Name = 'y",
    "') OR (Name LIKE '%",
    "' LIMIT 1",
    "' ORDER BY Name --",
    "'; DELETE FROM Account; --",
    "' /* comment */",
    "\n' OR ''='",
    "\r\n' OR ''='",
    "\t' OR ''='",
    "\b'",
    "\f'",
    '"',
    '" OR "1"="1',
    "%",
    "_",
    "%' OR Name LIKE '%",
    "\\%",
    "\\_",
    "null",
    "true",
    ":bind",
    ":Account.Name",
    "{0}",
    "{x:literal}",
    "${jndi}",
    "%27 OR %271%27=%271",
    "&#39; OR 1=1",
    "\u2019 OR 1=1",
    "\uff07 OR 1=1",
    "\u02bc",
    "山田'花子",
    "😀'",
    "LAST_N_DAYS:30",
    "2026-11-20T10:00:00Z",
    " " * 10 + "'",
    "a" * 3000 + "'",
)
UNSPEAKABLE_TEXTS = ("\x00", "a\x00'", "\x1b[0m", "\x07", "\ud800", "a\udfff", "\x7f", "x" * 4001, "'" * 2001)
HOSTILE_NAMES = (
    "",
    " ",
    "Id,Name",
    "Id FROM User",
    "Id--",
    "Id;",
    "Id'",
    "Id)",
    "(SELECT Id FROM Contacts)",
    "COUNT()",
    "FORMAT(Amount)",
    "Name\n",
    "Näme",
    "1Id",
    "_Id",
    "Id\x00",
    "Account..Name",
    ".Name",
    "Name.",
    "A.B.C.D.E.F.G",
    "a" * 81,
    "FROM",
    "select",
    "Account.From",
)
BUILDER = Path(soql.__file__)
ROOT = BUILDER.parents[4]
LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def test_there_are_as_many_vectors_as_were_asked_for():  # reliability.md (c) §4
    assert len({*HOSTILE_TEXTS, *UNSPEAKABLE_TEXTS}) >= 40


def test_nobody_but_the_builder_writes_a_query():
    """The client takes a `Select` alone, which types say; so all that is left is to make one of a text of one's own."""
    sources = [path for folder in ("services", "connectors") for path in (ROOT / folder).glob("*/src/**/*.py")]
    assert BUILDER in sources
    makers = {path for path in sources if re.search(r"\b(?:soql\.)?(?:Condition|Select)\(", path.read_text())}
    assert makers == {BUILDER}


def read_back(literal: str) -> str:
    assert LITERAL.fullmatch(literal), literal
    return re.sub(r"\\(.)", lambda found: ESCAPED.get(found[1], found[1]), literal[1:-1], flags=re.DOTALL)


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_hostile_text_stays_one_literal_and_means_itself(text):
    assert read_back(soql.literal(text)) == text


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_hostile_text_stays_one_literal_in_a_whole_statement(text):
    statement = str(soql.select("Account", "Id").where(soql.equals("Name", text), soql.one_of("Phone", [text, "1"])))
    assert re.sub(LITERAL, "?", statement) == "SELECT Id FROM Account WHERE (Name = ? AND Phone IN (?,?))"


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_wildcards_of_a_person_are_letters_in_a_pattern(text):
    condition = str(soql.contains("Name", text))
    pattern = condition.removeprefix("Name LIKE ")
    assert LITERAL.fullmatch(pattern)
    inner = pattern[2:-2]
    assert not re.search(r"(?<!\\)(?:\\\\)*[%_]", inner)


@pytest.mark.parametrize("text", UNSPEAKABLE_TEXTS)
def test_a_text_that_no_literal_can_hold_is_refused(text):
    with pytest.raises(ValueError, match="literal"):
        soql.equals("Name", text)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_what_is_no_field_name_is_refused_everywhere(name):
    for attempt in (
        lambda: soql.select("Account", name),
        lambda: soql.equals(name, 1),
        lambda: soql.starts_with(name, "x"),
        lambda: soql.select("Account", "Id").order_by(name),
    ):
        with pytest.raises(ValueError, match="is not a field"):
            attempt()


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "Account.Name"])
def test_what_is_no_object_name_is_refused(name):
    with pytest.raises(ValueError, match="is not an API name"):
        soql.select(name, "Id")


@given(st.text(alphabet=st.characters(blacklist_categories=("Cc", "Cs")), max_size=300))
def test_any_text_comes_back_as_it_was(text):
    assert read_back(soql.literal(text)) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (5500, "5500"),
        (-1, "-1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12.50"), "12.50"),
        (date(2026, 11, 20), "2026-11-20"),
        (datetime(2026, 11, 20, 10, 0, 0, 999, tzinfo=UTC), "2026-11-20T10:00:00Z"),
        (datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=9))), "2026-11-20T01:00:00Z"),
    ],
)
def test_values_are_written_by_their_type(value, written):
    assert soql.literal(value) == written


@pytest.mark.parametrize("value", [datetime(2026, 11, 20, 10), Decimal("NaN"), Decimal("Infinity"), 1.5, b"x", [1]])  # noqa: DTZ001 - that is the point
def test_values_without_one_meaning_are_refused(value):
    with pytest.raises(ValueError, match=r"zone|finite|literal"):
        soql.literal(value)


def test_an_empty_list_is_refused_because_salesforce_would_refuse_it():
    with pytest.raises(ValueError, match="must not be empty"):
        soql.one_of("Id", [])


def test_a_full_query_reads_as_written():
    items = soql.select("OrderItems", "Id", "UnitPrice").order_by("CreatedDate")
    query = (
        soql.select("Order", "Id", "Account.SF_Account_No__c", "Id")
        .with_children("OrderItems", items)
        .where(soql.any_of(soql.equals("Status", "Approved"), soql.negation(soql.differs("Type", None))))
        .where(soql.at_least("SystemModstamp", datetime(2026, 1, 1, tzinfo=UTC)))
        .order_by("CreatedDate", descending=True, empty_last=True)
        .order_by("Id")
        .limit(10)
        .offset(20)
    )
    assert str(query) == (
        "SELECT Id, Account.SF_Account_No__c, (SELECT Id, UnitPrice FROM OrderItems ORDER BY CreatedDate ASC)"
        " FROM Order WHERE ((Status = 'Approved' OR (NOT Type != null)) AND SystemModstamp >= 2026-01-01T00:00:00Z)"
        " ORDER BY CreatedDate DESC NULLS LAST, Id ASC LIMIT 10 OFFSET 20"
    )


def test_a_query_refuses_what_salesforce_would_refuse():
    query = soql.select("Order", "Id")
    with pytest.raises(ValueError, match="limit"):
        query.limit(0)
    with pytest.raises(ValueError, match="offset"):
        query.offset(2001)
    with pytest.raises(ValueError, match="field must be selected"):
        soql.select("Order")
    with pytest.raises(ValueError, match="select from the relationship"):
        query.with_children("OrderItems", soql.select("Contacts", "Id"))
    with pytest.raises(ValueError, match="100000"):
        str(query.where(soql.one_of("Name", [f"{number:03000}" for number in range(40)])))


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/services/data/v66.0/query/0r8000000000000001-2000",
        "//evil.example/services/data/v66.0/query/0r8000000000000001-2000",
        "/services/data/v66.0/query/../sobjects/Account",
        "/services/data/v66.0/sobjects/Account",
        "0r8000000000000001-2000?x=1",
    ],
)
def test_only_the_address_of_a_further_page_is_followed(address):
    with pytest.raises(ValueError, match="further page"):
        soql.locator(address)


def test_the_locator_is_the_last_part_of_the_address():
    assert soql.locator("/services/data/v66.0/query/0r8Sd0000000001AAA-2000") == "0r8Sd0000000001AAA-2000"
