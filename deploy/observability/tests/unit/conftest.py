"""Plays rules on made-up series, minute by minute."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from portal_viewer.keeping import Metrics
from portal_viewer.promql import selectors
from portal_viewer.rules import Judge, Rule, read_rules

FOLDER = Path(__file__).parents[2]
MINUTE = 60.0
Course = Callable[[float], float | None]
"""The value of a series so many minutes after the beginning; None while there is none."""


@pytest.fixture(scope="session")
def rules() -> list[Rule]:
    return read_rules([FOLDER / "slo.yaml", FOLDER / "alerts.yaml"])


@pytest.fixture
def fires(rules: list[Rule]) -> Callable[..., list[str]]:
    """Play so many minutes of series, written as in PromQL, and give the alerts that fire at the end."""

    def play(series: Mapping[str, Course | float], *, minutes: int, only: str, begin: float = 1_000_000.0) -> list[str]:
        metrics = Metrics(kept_seconds=1e9)
        (alert,) = [rule for rule in rules if rule.name == only]
        asked = {selector.name for selector, _ in selectors(alert.expression)}
        judge = Judge([*(rule for rule in rules if rule.name in asked), alert])
        firing = []
        for minute in range(minutes + 1):
            now = begin + minute * MINUTE
            for written, course in series.items():
                value = course(minute) if callable(course) else course
                if value is not None:
                    metrics.add(*named(written), value, now)
            firing = judge.look(metrics, now)
        return [one.summary for one in firing]

    return play


def named(written: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    name, _, rest = written.partition("{")
    pairs = [pair.partition("=") for pair in rest.rstrip("}").split(",") if pair]
    return name, tuple(sorted((label.strip(), value.strip('" ')) for label, _, value in pairs))
