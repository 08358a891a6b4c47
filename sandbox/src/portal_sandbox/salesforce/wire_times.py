"""Dates and times as Salesforce writes them (reference/salesforce.md 3.1)."""

from datetime import UTC, date, datetime


def to_wire(moment: datetime) -> str:
    """UTC with milliseconds and an offset without a colon: `2026-11-20T10:00:00.000+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def parse_moment(value: str) -> datetime | None:
    """An ISO 8601 date-time with a zone; None when it is not one."""
    if "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_day(value: str) -> date | None:
    """An ISO 8601 date; None when it is not one."""
    try:
        return date.fromisoformat(value) if "T" not in value else None
    except ValueError:
        return None


def epoch_milliseconds(value: str) -> int:
    """A stored date-time or date as milliseconds since 1970, the form of Avro events."""
    moment = parse_moment(value)
    if moment is None:
        moment = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
    return int(moment.timestamp() * 1000)
