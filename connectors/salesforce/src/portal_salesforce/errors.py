"""What Salesforce's refusals mean for us (reference salesforce.md 2.6, 6). Pure: status and body in, verdict out."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from portal_contracts.problems import Misconfigured, TryLater

QUOTA_SECONDS: Final = 900
"""When the daily quota is used up, nothing is worth trying for this long."""
CROWD_SECONDS: Final = 10
"""Too many long calls at once: a pause of seconds is enough."""
BUSINESS_LOCK_SECONDS: Final = 3600
"""A record locked by a staff member's approval process stays so for hours."""
LONGEST_MESSAGE: Final = 200

LOCKED: Final = "UNABLE_TO_LOCK_ROW"
MISSING: Final = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})
ECHOES: Final = frozenset({"PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"})
"""Codes of records that were rolled back because of another one: never the cause."""

_NAMES_NOTHING: Final = "Invalid reference specified. No value for"
"""How the answer begins when a reference leads nowhere; its code is that of an echo (seen in orgs, reference 2.5)."""
_TRANSIENT: Final = frozenset(
    {"SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "INVALID_QUERY_LOCATOR", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG"}
)
_SET_UP: Final = frozenset(
    {
        "API_CURRENTLY_DISABLED",
        "API_DISABLED_FOR_ORG",
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INVALID_FIELD",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "INVALID_TYPE",
        "JSON_PARSER_ERROR",
        "LIMIT_EXCEEDED",
        "MALFORMED_QUERY",
        "METHOD_NOT_ALLOWED",
        "STORAGE_LIMIT_EXCEEDED",
        "UNSUPPORTED_API_VERSION",
    }
)
_SESSION_BEYOND_REPAIR: Final = ("not valid for use with the REST API", "not attached to Agent")
_UNKNOWN_RESOURCES: Final = ("external ID field does not exist",)


class SalesforceRefusal(Exception):  # noqa: N818 - it says what happened
    """Salesforce understood and said no: a validation rule, a duplicate, a missing record.

    `error_code` is Salesforce's, `message` the admin's or Salesforce's text (it may quote data: not for events or
    customers), `fields` the API names it blames. Callers turn it into a problem of their own domain.
    """

    def __init__(self, error_code: str, message: str = "", fields: Sequence[str] = ()) -> None:
        super().__init__(error_code)
        self.error_code = error_code
        self.message = message
        self.fields = tuple(fields)

    @property
    def missing(self) -> bool:
        """The record does not exist, or not for us."""
        return self.error_code in MISSING

    @property
    def nothing_found(self) -> bool:
        """A step of a composite names the first record of a query that found none: the write's condition is not met."""
        return self.error_code in ECHOES and names_nothing(self.message)

    @property
    def duplicate(self) -> bool:
        """Another record has the same unique value: usually the first try of the same write."""
        return self.error_code == "DUPLICATE_VALUE"


def names_nothing(message: str) -> bool:
    """Whether a sub-request failed because what it refers to is not there."""
    return message.startswith(_NAMES_NOTHING)


class Again(Enum):
    """Whether the same call may do better when it is repeated."""

    NEVER = "never"
    IF_HARMLESS = "if harmless"
    """The outcome may be unknown: only what can be repeated without a second effect is."""
    SOON = "soon"
    """Nothing was done: any call may be repeated after a moment."""
    LOGGED_IN = "after logging in"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to raise, and whether a repeat may help before that."""

    problem: Exception
    again: Again = Again.NEVER


@dataclass(frozen=True, slots=True)
class Detail:
    """One error as Salesforce words it."""

    code: str
    message: str = ""
    fields: tuple[str, ...] = ()


def details(content: Any) -> list[Detail]:
    """Read the errors of any JSON body; gives none for text, HTML or a shape nobody knows."""
    if isinstance(content, Mapping):
        content = content.get("errors") or [content]
    if not isinstance(content, Sequence) or isinstance(content, str | bytes):
        return []
    return [_detail(entry) for entry in content if isinstance(entry, Mapping) and _code(entry)]


def _code(entry: Mapping[str, Any]) -> str:
    code = entry.get("errorCode") or entry.get("statusCode") or ""
    return code if isinstance(code, str) else ""


def _detail(entry: Mapping[str, Any]) -> Detail:
    message = entry.get("message")
    fields = entry.get("fields")
    return Detail(
        _code(entry),
        html.unescape(message) if isinstance(message, str) else "",
        tuple(str(field) for field in fields) if isinstance(fields, list | tuple) else (),
    )


def unavailable(retry_after: int | None = None) -> TryLater:
    """Salesforce does not answer, or not for now."""
    return TryLater("SALESFORCE_UNAVAILABLE", retry_after=retry_after)


def misconfigured(message: str) -> Misconfigured:
    """Salesforce refuses our set-up; the message is for operators and holds no data of customers."""
    return Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": message[:LONGEST_MESSAGE]})


def refused_reading(refusal: SalesforceRefusal) -> Misconfigured:
    """Give what a refusal means when nothing was to be written: no rule of the org can say no to that, our set-up can.

    Its text is left out, as it may quote the query and so a customer's data.
    """
    return misconfigured(f"a reading was refused: {refusal.error_code}")


def refused_writing(object_name: str, refusal: SalesforceRefusal) -> Misconfigured:
    """Give what a refusal means when only our own values were to be written: set-up that a person has to mend.

    Its text is left out, as it may quote what was written.
    """
    blamed = " ".join(refusal.fields)
    return misconfigured(f"a write of {object_name} was refused: {refusal.error_code} {blamed}".strip())


def judge(status: int, content: Any) -> Verdict:
    """Say what a failed call means. `status` is the HTTP status, `content` the parsed body or its text."""
    if _mentions(content, LOCKED):  # it hides in the text of other codes as well
        return Verdict(unavailable(), Again.SOON)
    found = [detail for detail in details(content) if detail.code not in ECHOES] or details(content)
    if not found:
        return _without_a_code(status)
    return _with_a_code(status, found[0])


def _mentions(content: Any, word: str) -> bool:
    return word in (content if isinstance(content, str) else json.dumps(content, default=str))


def _without_a_code(status: int) -> Verdict:
    if status == 401:  # noqa: PLR2004 - a number of HTTP or ASCII
        return Verdict(misconfigured("401 right after logging in"), Again.LOGGED_IN)
    if status == 300:  # noqa: PLR2004 - a number of HTTP or ASCII
        return Verdict(SalesforceRefusal("MULTIPLE_RECORDS", "several records have this external id"))
    return Verdict(unavailable(), Again.IF_HARMLESS)  # HTML, empty or cut off: an edge, a proxy, a maintenance page


def _with_a_code(status: int, detail: Detail) -> Verdict:
    if status == 401:  # noqa: PLR2004 - a number of HTTP or ASCII
        return _session(detail)
    if detail.code == "REQUEST_LIMIT_EXCEEDED":
        crowd = detail.message.startswith("Concurrent")
        return Verdict(unavailable(CROWD_SECONDS), Again.SOON) if crowd else Verdict(unavailable(QUOTA_SECONDS))
    if detail.code == "ENTITY_IS_LOCKED":
        return Verdict(unavailable(BUSINESS_LOCK_SECONDS))
    if detail.code in _TRANSIENT or status in (429, 500, 502, 503, 504):
        return Verdict(unavailable(), Again.IF_HARMLESS)
    if detail.code in _SET_UP or any(text in detail.message for text in _UNKNOWN_RESOURCES):
        fields = f" [{', '.join(detail.fields)}]" if detail.fields else ""
        return Verdict(misconfigured(f"{detail.code}: {_first_line(detail.message)}{fields}"))
    return Verdict(SalesforceRefusal(detail.code, detail.message, detail.fields))


def _session(detail: Detail) -> Verdict:
    problem = misconfigured(f"{detail.code}: {_first_line(detail.message)}")
    if any(text in detail.message for text in _SESSION_BEYOND_REPAIR):
        return Verdict(problem)
    return Verdict(problem, Again.LOGGED_IN)


def _first_line(message: str) -> str:
    # A query's own text follows in later lines and may hold a customer's data.
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1] if lines and "ERROR at Row" in message else (lines[0] if lines else "")
