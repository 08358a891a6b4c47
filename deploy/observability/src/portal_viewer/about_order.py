"""The one query that finds every log line of an order, of whatever service; also of a case, a process key or a trace.

The same in Loki: `{service_name=~"portal-.+"} |= "<order id>"`, and then the trace ids of what it found.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Line = Mapping[str, Any]
"""A log line as the processes write it."""

_NUMBER: Final = "order_number"
_ID: Final = "order_id"
_IDS: Final = "order_ids"
_TRACE: Final = "trace_id"
_WHEN: Final = "timestamp"


def lines_about(wanted: str, lines: Iterable[Line]) -> list[Line]:
    """Give the lines about an order id, order number, process key or trace id, in order of time.

    That are the lines that name it, and those of the same traces that do not name another order.
    """
    everything = sorted(lines, key=lambda line: str(line.get(_WHEN, "")))
    names = {wanted} | {line[_ID] for line in everything if line.get(_NUMBER) == wanted and _ID in line}
    direct = [names_any(line, names) for line in everything]
    traces = {line[_TRACE] for line, found in zip(everything, direct, strict=True) if found and _TRACE in line}
    return [
        line
        for line, found in zip(everything, direct, strict=True)
        if found or (line.get(_TRACE) in traces and not line.get(_ID) and not line.get(_IDS))
    ]


def names_any(line: Line, names: set[str]) -> bool:
    """Whether a field of the line, or an item of a list in it, is one of the names."""
    return any(_is_any(value, names) for value in line.values())


def _is_any(value: Any, names: set[str]) -> bool:
    if isinstance(value, str):
        return value in names
    return isinstance(value, Sequence) and any(_is_any(item, names) for item in value)
