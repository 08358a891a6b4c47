"""`logs --order`: every log line of one order, of whatever process, in order of time."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from portal_viewer.about_order import lines_about

_COLUMNS: Final = ("timestamp", "service", "level", "event", "component", "trace_id", "span_id")


def show_order(folder: Path, wanted: str) -> int:
    """Write the lines about an order id, order number, process key or trace id; 1 when there is none."""
    found = lines_about(wanted, lines_in(folder))
    for line in found:
        more = " ".join(f"{name}={value}" for name, value in line.items() if name not in _COLUMNS)
        trace = f" trace={line['trace_id'][:8]}" if line.get("trace_id") else ""
        sys.stdout.write(
            f"{line['timestamp'][11:23]}  {line['service']:<13} {line['level']:<7} {line['event']}  {more}{trace}\n"
        )
    if not found:
        sys.stderr.write(f"no log line is about {wanted}\n")
    return 0 if found else 1


def lines_in(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Give the lines of our own processes, of this run and the one before; servers write other ones."""
    for path in sorted(folder.glob("*.log")):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if text.startswith("{"):
                line = _parsed(text)
                if {"timestamp", "service", "event"} <= line.keys():
                    yield line


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        line: Mapping[str, Any] = json.loads(text)
    except ValueError:  # the end of a line that a kill cut off
        return {}
    return line
