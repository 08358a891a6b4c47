"""Rows of an sObject collection call and what became of each (reference salesforce.md 2.5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from portal_salesforce import soql
from portal_salesforce.errors import ECHOES, Verdict, details, judge, unavailable
from portal_salesforce.field_values import Fields, Record, outgoing
from portal_salesforce.ids import long_id, long_id_or_none

ROWS_A_CALL: Final = 200
_REFUSED: Final = 400


@dataclass(frozen=True, slots=True)
class RowReply:
    """What became of one row. `verdict` is None when it was written; `verdict.problem` says what went wrong."""

    id: str | None
    created: bool = False
    verdict: Verdict | None = None
    echo: bool = False
    """Rolled back only because another row failed."""


def row_with_type(object_name: str, fields: Fields) -> Record:
    """Give a row to create or upsert."""
    return {"attributes": {"type": soql.name(object_name)}, **outgoing(fields)}


def row_with_id(object_name: str, record_id: str, fields: Fields) -> Record:
    """Give a row to change."""
    return {**row_with_type(object_name, fields), "id": long_id(record_id)}


def batches(rows: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Cut rows into calls."""
    for start in range(0, len(rows), ROWS_A_CALL):
        yield rows[start : start + ROWS_A_CALL]


def row_replies(content: Any, expected: int) -> list[RowReply]:
    """Read a collection's answer, one entry per row in the order of the request; TryLater when it is incomplete."""
    if not isinstance(content, list) or len(content) != expected or not all(isinstance(row, dict) for row in content):
        raise unavailable()
    return [_reply(row) for row in content]


def _reply(row: dict[str, Any]) -> RowReply:
    if row.get("success"):  # a success may carry notes in `errors`
        return RowReply(long_id_or_none(row.get("id")), bool(row.get("created")))
    echo = {detail.code for detail in details(row)} <= ECHOES
    return RowReply(None, verdict=judge(_REFUSED, row.get("errors") or []), echo=echo)


def rejection(replies: Sequence[RowReply]) -> Verdict | None:
    """Give the verdict on the row that failed by itself; None when all were written."""
    failed = [reply for reply in replies if reply.verdict is not None]
    return next((reply.verdict for reply in sorted(failed, key=lambda reply: reply.echo)), None)
