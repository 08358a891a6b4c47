"""Dashboards are what the table says, and every curve can be told from its neighbours."""

import re
from pathlib import Path

import pytest

from portal_viewer.dashboard_table import DASHBOARDS, Page
from portal_viewer.dashboards import read_dashboards
from portal_viewer.make_dashboards import written
from portal_viewer.promql import Aggregation, parse

FOLDER = Path(__file__).parents[2] / "dashboards"


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)
def test_a_file_is_what_the_table_says(page: Page) -> None:
    assert (FOLDER / f"{page.uid}.json").read_text(encoding="utf-8") == written(page), "make documents"


def test_no_file_is_left_of_a_dashboard_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {page.uid for page in DASHBOARDS}


def test_the_viewer_reads_what_grafana_reads() -> None:
    read = {dashboard.uid: dashboard for dashboard in read_dashboards(FOLDER)}
    for page in DASHBOARDS:
        assert [panel.title for panel in read[page.uid].panels] == [row.title for row in page.rows]


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)
def test_a_legend_names_only_labels_that_are_left(page: Page) -> None:
    for row in page.rows:
        for query, legend in row.queries:
            expression = parse(query)
            if isinstance(expression, Aggregation) and expression.operation != "topk":
                assert set(re.findall(r"{{(\w+)}}", legend)) <= set(expression.labels), row.title
