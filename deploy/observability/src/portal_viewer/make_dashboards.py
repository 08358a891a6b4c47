"""`python -m portal_viewer.make_dashboards <folder>` writes Grafana's JSON from `dashboard_table`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from portal_viewer.dashboard_table import DASHBOARDS, Page, Row

_WIDTH: Final = 24
_HEIGHTS: Final = {"stat": 4, "timeseries": 8}
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}


def written(page: Page) -> str:
    """Give one dashboard as the text of its file."""
    content = {
        "uid": page.uid,
        "title": page.title,
        "tags": ["portal"],
        "timezone": "Asia/Tokyo",
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [{"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}]},
        "panels": _placed(page.rows),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _placed(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Lay the panels out from left to right, then down."""
    found = []
    left, top, tallest = 0, 0, 0
    for number, row in enumerate(rows, 1):
        height = _HEIGHTS[row.kind]
        if left + row.width > _WIDTH:
            left, top, tallest = 0, top + tallest, 0
        found.append(_panel(row, number) | {"gridPos": {"x": left, "y": top, "w": row.width, "h": height}})
        left, tallest = left + row.width, max(tallest, height)
    return found


def _panel(row: Row, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": row.kind,
        "title": row.title,
        "description": row.description,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": row.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for index, (expression, legend) in enumerate(row.queries)
        ],
    }


def main() -> None:
    """Write all dashboards into the folder."""
    folder = Path(sys.argv[1])
    for page in DASHBOARDS:
        (folder / f"{page.uid}.json").write_text(written(page), encoding="utf-8")


if __name__ == "__main__":
    main()
