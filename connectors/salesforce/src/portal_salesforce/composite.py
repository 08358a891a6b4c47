"""Sub-requests of one composite call and their answers (reference salesforce.md 2.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from portal_salesforce import soql
from portal_salesforce.errors import ECHOES, Verdict, details, judge, names_nothing, unavailable
from portal_salesforce.field_values import Fields, Record, Reference, incoming, outgoing
from portal_salesforce.ids import long_id
from portal_salesforce.wire_request import Method

MOST_SUB_REQUESTS: Final = 25


@dataclass(frozen=True, slots=True)
class SubRequest:
    """One step of a composite call. Made by the functions below."""

    reference: str
    method: Method
    path: str
    body: Mapping[str, Any] | None = None

    @property
    def harmless(self) -> bool:
        """A repeat has no second effect."""
        return self.method in ("GET", "PATCH")

    def on_the_wire(self, root: str) -> dict[str, Any]:
        """Give its JSON form; `root` is the path of the API version."""
        str(Reference(self.reference))  # the shape Salesforce takes
        step: dict[str, Any] = {"method": self.method, "url": root + self.path, "referenceId": self.reference}
        return step if self.body is None else {**step, "body": dict(self.body)}


@dataclass(frozen=True, slots=True)
class SubReply:
    """What one sub-request came to. `id` and `created` are filled by writes that say so."""

    status: int
    body: Any = None
    verdict: Verdict | None = None

    @property
    def id(self) -> str:
        """The id a create or upsert gave; KeyError for another kind of sub-request."""
        return long_id(self.body["id"])

    @property
    def created(self) -> bool:
        """Whether an upsert made the record."""
        return self.status == 201  # noqa: PLR2004 - a number of HTTP or ASCII

    @property
    def records(self) -> list[Record]:
        """The records a query gave."""
        return [incoming(record) for record in self.body["records"]]


def external_path(object_name: str, external_field: str, value: str) -> str:
    """Give the path of a record by its external id; ValueError for a value no path can carry."""
    if not value or value in (".", "..") or any(ord(letter) < 32 or ord(letter) == 127 for letter in value):  # noqa: PLR2004 - a number of HTTP or ASCII
        raise ValueError("an external id must be a text that can stand in a path")
    return f"sobjects/{soql.name(object_name)}/{soql.name(external_field)}/{quote(value, safe='')}"


def record_path(object_name: str, record_id: str) -> str:
    """Give the path of a record by its id; ValueError for what is no id (reference 2.11: a path can be escaped)."""
    return f"sobjects/{soql.name(object_name)}/{long_id(record_id)}"


def creation(reference: str, object_name: str, fields: Fields) -> SubRequest:
    """Create a record. Not harmless to repeat: only for objects without an external id."""
    return SubRequest(reference, "POST", f"sobjects/{soql.name(object_name)}/", outgoing(fields))


def change(reference: str, object_name: str, record_id: str | Reference, fields: Fields) -> SubRequest:
    """Change a record named by its id or by an earlier step."""
    if isinstance(record_id, Reference):
        return SubRequest(reference, "PATCH", f"sobjects/{soql.name(object_name)}/{record_id}", outgoing(fields))
    return SubRequest(reference, "PATCH", record_path(object_name, record_id), outgoing(fields))


def upsertion(reference: str, object_name: str, external_field: str, value: str, fields: Fields) -> SubRequest:
    """Create or change the record with the external id; a repeat finds what the first try made."""
    return SubRequest(
        reference, "PATCH", external_path(object_name, external_field, value), _without(fields, external_field)
    )


def lookup(reference: str, query: soql.Select) -> SubRequest:
    """Run a query; five of them at most in one call."""
    return SubRequest(reference, "GET", f"query/?q={quote(str(query), safe='')}")


def _without(fields: Fields, external_field: str) -> Record:
    return {field: value for field, value in outgoing(fields).items() if field.lower() != external_field.lower()}


def read_replies(content: Any, references: Sequence[str]) -> dict[str, SubReply]:
    """Read a composite's answer, which is 200 whatever happened inside. TryLater when it is not complete."""
    entries = content.get("compositeResponse") if isinstance(content, Mapping) else None
    if not isinstance(entries, list):
        raise unavailable()
    replies = {
        entry["referenceId"]: _reply(entry)
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("httpStatusCode"), int) and "referenceId" in entry
    }
    if not set(references) <= set(replies):
        raise unavailable()
    return replies


def _reply(entry: Mapping[str, Any]) -> SubReply:
    status, body = entry["httpStatusCode"], entry.get("body")
    return SubReply(status, body) if status < 300 else SubReply(status, body, judge(status, body))  # noqa: PLR2004 - a number of HTTP or ASCII


def culprit(replies: Mapping[str, SubReply]) -> Verdict | None:
    """Give the verdict on the sub-request that failed by itself; None when all went well."""
    failed = [reply for reply in replies.values() if reply.verdict is not None]
    own = [reply for reply in failed if not {detail.code for detail in details(reply.body)} <= ECHOES]
    unmet = [reply for reply in failed if any(names_nothing(detail.message) for detail in details(reply.body))]
    return next((reply.verdict for reply in [*own, *unmet, *failed]), None)
