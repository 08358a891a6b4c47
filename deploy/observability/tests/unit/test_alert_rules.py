"""Every alert can fire: its metrics exist in the code, its page exists, and its labels say whose it is."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal_viewer.dashboard_table import DASHBOARDS
from portal_viewer.promql import parse, selectors

ROOT = Path(__file__).parents[4]
RULES = yaml.safe_load((ROOT / "deploy" / "observability" / "alerts.yaml").read_text(encoding="utf-8"))
RECORDED: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "observability" / "slo.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
MADE_BY_THE_SCRAPE = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}
"""By Prometheus itself, or by its client library in every process."""
OF_THE_SCRAPE = {"job", "instance"}
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
ENDINGS = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def exported() -> Iterator[tuple[str, frozenset[str]]]:
    """Give every series the code makes, with its labels."""
    for source in [*ROOT.glob("*/src/**/*.py"), *ROOT.glob("*/*/src/**/*.py")]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (kind := ast.unparse(node.func).split(".")[-1]) in ENDINGS:
                name, _, *labels = [one.value if isinstance(one, ast.Constant) else "" for one in node.args] or ("", "")
                for ending in ENDINGS[kind] if str(name).startswith("portal_") else ():
                    yield f"{name}{ending}", frozenset(map(str, labels))


SERIES = dict(exported())


def asked_for() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Give every metric that a rule or a panel asks for, who asks, and the labels asked for."""
    of_rules = [(rule.get("alert") or rule["record"], str(rule["expr"])) for rule in [*ALERTS, *RECORDED]]
    of_panels = [
        (f"{page.uid}: {row.title}", query) for page in DASHBOARDS for row in page.rows for query, _ in row.queries
    ]
    for who, expression in of_rules + of_panels:
        for selector, labels in selectors(parse(expression)):
            yield who, selector.name, labels


@pytest.mark.parametrize(("who", "name", "labels"), list(asked_for()))
def test_what_is_asked_for_is_made_somewhere(who: str, name: str, labels: frozenset[str]) -> None:
    if name.startswith("slo:"):
        assert name in {rule["record"] for rule in RECORDED}
    elif name not in MADE_BY_THE_SCRAPE:
        assert name in SERIES, f"nobody makes {name}"
        own = OF_THE_SCRAPE | ({"le"} if name.endswith("_bucket") else set())
        assert labels - own <= SERIES[name], f"{name} has no such labels"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_whose_it_is_and_has_a_page(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["labels"]["owner"] in {"us", "staff", "vendor", "customer"}
    page = ROOT / "docs" / "runbook" / "alerts" / f"{alert['alert']}.md"
    assert alert["annotations"]["runbook"] == str(page.relative_to(ROOT))
    urgency = {"page": "**Wakes somebody.**", "ticket": "**Waits for the morning.**"}[alert["labels"]["severity"]]
    assert page.read_text(encoding="utf-8").startswith(f"# {alert['alert']}\n\n{urgency}")


def test_no_page_is_left_of_an_alert_that_is_gone() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "runbook" / "alerts").glob("*.md")}
    assert pages == {alert["alert"] for alert in ALERTS}
