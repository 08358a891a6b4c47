"""Every alert can fire: its metrics exist in the code, its page exists, and its labels say whose it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[4]
RULES = yaml.safe_load((ROOT / "deploy" / "observability" / "alerts.yaml").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
MADE = re.compile(r"\b(counter|gauge|histogram)\(\s*\"(portal_[a-z_]+)\"([^)]*)\)", re.DOTALL)
ENDINGS = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def exported() -> Iterator[tuple[str, str]]:
    """Give every series the code makes, with the text that names its labels."""
    for source in [*ROOT.glob("*/src/**/*.py"), *ROOT.glob("*/*/src/**/*.py")]:
        for kind, name, rest in MADE.findall(source.read_text(encoding="utf-8")):
            for ending in ENDINGS[kind]:
                yield f"{name}{ending}", rest


SERIES = dict(exported())


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_metric_of_an_alert_is_made_somewhere(alert: dict[str, Any]) -> None:
    asked = set(re.findall(r"portal_[a-z_]+", alert["expr"]))
    assert asked
    assert asked <= set(SERIES), f"nobody makes {sorted(asked - set(SERIES))}"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_only_for_labels_its_metric_has(alert: dict[str, Any]) -> None:
    for name, matchers in re.findall(r"(portal_[a-z_]+)\{([^}]*)\}", alert["expr"]):
        for label in re.findall(r"([a-z_]+)\s*[=!]", matchers):
            assert f'"{label}"' in SERIES[name], f"{name} has no label {label}"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_whose_it_is_and_has_a_page(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["labels"]["owner"] in {"us", "staff", "vendor", "customer"}
    page, anchor = alert["annotations"]["runbook"].split("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}


def test_no_page_is_left_of_an_alert_that_is_gone() -> None:
    text = (ROOT / "docs" / "runbook" / "alerts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == {alert["alert"] for alert in ALERTS}
