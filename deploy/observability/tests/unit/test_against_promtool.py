"""Our reading of PromQL is Prometheus' own: every expression we use, computed by both on the same series.

Runs where `promtool` is installed (Debian: prometheus). It looks between two samples, because whether the first moment
of a range belongs to it differs between Prometheus 2 and 3. `max without (none)` drops the name, which we never keep.
"""

import math
import random
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from portal_viewer.dashboard_table import DASHBOARDS
from portal_viewer.evaluation import Labels, evaluate
from portal_viewer.keeping import Metrics
from portal_viewer.promql import Matcher, parse, selectors

FOLDER = Path(__file__).parents[2]
PROMTOOL = shutil.which("promtool")
MINUTES = 45
VALUES = ("a", "b")
STEPS = {"": (0, 9), "0.25": (0, 3), "900.0": (3, 6), "+Inf": (6, 9)}
"""How much a counter grows in a minute: a wider bucket never less than a narrower one, as each holds the ones below."""


def expressions() -> list[str]:
    rules = [yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) for name in ("slo.yaml", "alerts.yaml")]
    of_rules = [rule["expr"] for content in rules for group in content["groups"] for rule in group["rules"]]
    of_panels = [query for page in DASHBOARDS for row in page.rows for query, _ in row.queries]
    return list(dict.fromkeys(" ".join(one.split()) for one in of_rules + of_panels))


def made_up(chance: random.Random) -> dict[tuple[str, Labels], list[float]]:
    """Give two or more series for every metric asked for: counters that grow and break off, gauges that wander."""
    wanted: dict[str, set[str]] = {}
    matched: dict[str, list[Matcher]] = {}
    for expression in expressions():
        for selector, labels in selectors(parse(expression)):
            wanted.setdefault(selector.name, set()).update(labels | {"job"})
            matched.setdefault(selector.name, []).extend(selector.matchers)
    found = {}
    for name, labels in wanted.items():
        for value in VALUES:
            for bound in [one for one in STEPS if one] if name.endswith("_bucket") else [""]:
                plain = {label: admitted(label, value, matched[name]) for label in labels - {"le"}}
                full = tuple(sorted({**plain, **({"le": bound} if bound else {})}.items()))
                found[name, full] = course(name, bound, chance)
    return found


def admitted(label: str, value: str, matchers: list[Matcher]) -> str:
    """Give a value the expressions look for to one of the two series, so that not all of them are empty."""
    exact = [one.value for one in matchers if one.label == label and one.sign == "="]
    return exact[0] if exact and value == "a" else {"operation": f"GET /{value}"}.get(label, value)


def course(name: str, bound: str, chance: random.Random) -> list[float]:
    if name.endswith(("_total", "_count", "_bucket")):
        steps = [chance.randint(*STEPS[bound]) for _ in range(MINUTES + 1)]
        begin = chance.randint(0, 50) if bound == "" else 0
        grown = [begin + sum(steps[: index + 1]) for index in range(len(steps))]
        restart = 20 if bound == "" else MINUTES + 1
        return [float(value - (grown[restart] if index >= restart else 0)) for index, value in enumerate(grown)]
    return [float(chance.randint(0, 1)) if name == "up" else float(chance.randint(0, 3000)) for _ in range(MINUTES + 1)]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_both_compute_the_same(tmp_path: Path) -> None:
    series = made_up(random.Random(7))  # noqa: S311 - the same series every time
    metrics = Metrics(kept_seconds=1e9)
    for (name, labels), values in series.items():
        for minute, value in enumerate(values):
            metrics.add(name, labels, value, 60.0 * minute)
    tests = []
    for expression in expressions():
        expected = evaluate(parse(expression), metrics, 60.0 * MINUTES + 30)
        samples = [{"labels": written("", labels), "value": rounded(value)} for labels, value in expected.items()]
        tests.append(
            {
                "expr": f"round(max without (none) ({expression}), 0.000001)",
                "eval_time": f"{MINUTES}m30s",
                "exp_samples": samples,
            }
        )
    inputs = [
        {"series": written(name, labels), "values": " ".join(f"{value:g}" for value in values)}
        for (name, labels), values in series.items()
    ]
    (tmp_path / "none.yaml").write_text("groups: []")
    case = {"interval": "1m", "input_series": inputs, "promql_expr_test": tests}
    text = yaml.safe_dump({"rule_files": ["none.yaml"], "evaluation_interval": "1m", "tests": [case]})
    (tmp_path / "test.yaml").write_text(text.replace("'.nan'", ".nan"))
    assert PROMTOOL is not None
    ran = subprocess.run(  # noqa: S603 - a program of this machine on files of this test
        [PROMTOOL, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(tests) > 100
    assert sum(bool(one["exp_samples"]) for one in tests) > 90


def rounded(value: float) -> float | str:
    """Round as Prometheus does: the two add up in different orders."""
    return ".nan" if math.isnan(value) else math.floor(value * 1e6 + 0.5) / 1e6


def written(name: str, labels: Labels) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels)
    return f"{name}{{{pairs}}}"
