"""From Salesforce's events to ours. Pure: hints without values, so that nothing personal travels (architecture §4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from portal_changefeed.bitmaps import field_names
from portal_changefeed.decoding import EventSchema, UndecodableError
from portal_changefeed.topics import CHANGES, PROVISION_EVENT
from portal_contracts.changefeed import ChangeKind, EventsMissed, ProvisionEventReceived
from portal_contracts.message import Event
from portal_salesforce import CLIENT_NAME
from portal_salesforce.ids import long_id_or_none

_KINDS: Final[Mapping[str, ChangeKind]] = {
    "CREATE": "created",
    "UPDATE": "updated",
    "DELETE": "deleted",
    "UNDELETE": "undeleted",
}
_GAP: Final = "GAP_"
_SECONDS_UNTIL: Final = 100_000_000_000
"""A moment below this was given in seconds: in milliseconds it would lie in 1973 (reference 4.8)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an event does not say itself."""

    topic: str
    event_id: str
    user_id: str | None
    """The integration user, whose commits are ours."""
    now: datetime


def translate(schema: EventSchema, body: Mapping[str, Any], context: Context) -> list[Event]:
    """Give our events for one of Salesforce's; raises UndecodableError or WrongSchemaError when it makes no sense."""
    if schema.name == PROVISION_EVENT:
        return [_provision_event(body, context)]
    header = body.get("ChangeEventHeader")
    if not isinstance(header, Mapping):
        raise UndecodableError(f"{schema.name} is neither our platform event nor a change event")
    return _changes(schema, header, context)


def _provision_event(body: Mapping[str, Any], context: Context) -> Event:
    # Nothing is refused here: orders decides about a missing id (R146) and an unknown version (R150).
    return ProvisionEventReceived(
        order_id=_text(body.get("OrderId__c")),
        event_id=context.event_id,
        idempotency_key=_text(body.get("IdemKey__c")),
        correlation_id=_text(body.get("CorrelationId__c")),
        requested_by=_text(body.get("RequestedBy__c")),
        version=_version(body.get("Version__c")),
        occurred_at=_moment(body.get("CreatedDate"), context.now),
    )


def _changes(schema: EventSchema, header: Mapping[str, Any], context: Context) -> list[Event]:
    event_class = CHANGES.get(header["entityName"])
    if event_class is None:
        raise UndecodableError(f"{header['entityName']!r} is no object we follow")
    change, gap = _change(header["changeType"])
    ids = [long_id_or_none(record_id) for record_id in header["recordIds"]]
    fields = tuple(dict.fromkeys(field_names(header["changedFields"], schema.record)))
    hints: list[Event] = [
        event_class(
            record_id=record_id,
            change=change,
            fields=fields,
            by_us=_by_us(header, context.user_id),
            committed_at=_moment(header["commitTimestamp"], context.now),
        )
        for record_id in dict.fromkeys(ids)
        if record_id is not None
    ]
    # A gap event has no body, an overflow no records, and a wildcard such as `001*` stands for records not named.
    if gap or None in ids:
        hints.append(EventsMissed(topic=context.topic, reason="gap_event", detected_at=context.now))
    return hints


def _change(change_type: str) -> tuple[ChangeKind, bool]:
    gap = change_type.startswith(_GAP)
    return _KINDS.get(change_type.removeprefix(_GAP), "unknown"), gap


def _by_us(header: Mapping[str, Any], user_id: str | None) -> bool:
    named = f"client={CLIENT_NAME}" in [part.strip() for part in header["changeOrigin"].split(";")]
    return named or (user_id is not None and long_id_or_none(header["commitUser"]) == user_id)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _version(value: Any) -> int | None:
    """Give the version; 0, which no version has, for a number with a fraction."""
    if value is None:
        return None
    return int(value) if isinstance(value, int | float) and value == int(value) else 0


def _moment(value: Any, otherwise: datetime) -> datetime:
    if not isinstance(value, int) or value <= 0:
        return otherwise
    seconds = value if value < _SECONDS_UNTIL else value / 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return otherwise
