"""What the viewer knows of PromQL: the rules Prometheus follows, and a refusal of everything else."""

import math

import pytest

from portal_viewer.evaluation import evaluate
from portal_viewer.keeping import Metrics
from portal_viewer.promql import UnknownPromQLError, parse, selectors


def metrics(**series: list[float]) -> Metrics:
    """Series a minute apart, the last one at 600 s; `name__label` gives it the label `of`."""
    made = Metrics(kept_seconds=1e9)
    for written, values in series.items():
        name, _, label = written.partition("__")
        labels = (("of", label),) if label else ()
        for index, value in enumerate(values):
            made.add(name, labels, value, 600.0 - 60 * (len(values) - 1 - index))
    return made


def value(text: str, samples: Metrics, now: float = 600.0) -> dict[str, float]:
    return {
        ",".join(text for _, text in labels): found for labels, found in evaluate(parse(text), samples, now).items()
    }


def test_a_counter_that_began_anew_has_grown_by_both_parts():
    grown = value("increase(c[10m])", metrics(c=[50, 60, 70, 5, 15]))
    assert grown[""] == pytest.approx(35, rel=0.2)


def test_a_counter_is_not_stretched_below_its_zero():
    assert value("increase(c[10m])", metrics(c=[0, 10])) == {"": pytest.approx(10)}


def test_one_sample_has_not_grown():
    assert value("rate(c[10m])", metrics(c=[7])) == {}


def test_a_sample_of_more_than_five_minutes_ago_is_no_value():
    assert value("g", metrics(g=[3]), 600 + 299) == {"": 3}
    assert value("g", metrics(g=[3]), 600 + 301) == {}


def test_signs_bind_as_in_prometheus():
    samples = metrics(a=[1], b=[2], c=[3])
    assert value("a + b * c", samples) == {"": 7}
    assert value("a > 5 or b and c", samples) == {"": 2}
    assert value("time() - a", samples) == {"": 599}
    assert value("-a", samples) == {"": -1}


def test_a_comparison_keeps_what_holds():
    samples = metrics(g__x=[1], g__y=[5])
    assert value("g > 2", samples) == {"y": 5}
    assert value("g unless g > 2", samples) == {"x": 1}
    assert value('g{of=~"x|z"}', samples) == {"x": 1}
    assert value('g{of!="x"}', samples) == {"y": 5}


def test_groups_are_merged_and_the_largest_are_kept():
    samples = metrics(g__x=[1], g__y=[5], g__z=[3])
    assert value("sum(g)", samples) == {"": 9}
    assert value("max by (of) (g)", samples) == {"x": 1, "y": 5, "z": 3}
    assert value("topk(2, g)", samples) == {"y": 5, "z": 3}
    assert value("count(g) - avg(g)", samples) == {"": 0}


def test_a_quantile_lies_inside_its_bucket():
    samples = Metrics(kept_seconds=1e9)
    for bound, count in (("0.1", 0.0), ("0.5", 10.0), ("+Inf", 10.0)):
        samples.add("h_bucket", (("le", bound),), count, 600.0)
    assert value("histogram_quantile(0.5, h_bucket)", samples) == {"": pytest.approx(0.3)}
    empty = Metrics(kept_seconds=1e9)
    empty.add("h_bucket", (("le", "+Inf"),), 0.0, 600.0)
    assert math.isnan(value("histogram_quantile(0.5, h_bucket)", empty)[""])


def test_what_is_asked_for_is_told_with_the_labels_it_needs():
    expression = parse(
        'histogram_quantile(0.9, sum by (le, job) (rate(h_bucket{status="200"}[5m]))) and on (job) up == 1'
    )
    asked = {selector.name: set(labels) for selector, labels in selectors(expression)}
    assert asked == {"h_bucket": {"le", "job", "status"}, "up": {"job"}}


@pytest.mark.parametrize(
    "text", ["", "sum(", "deriv(g[5m])", "g offset 5m", "g[5m:1m]", "a +", "g{of}", "label_replace(g)", "g )", "a § b"]
)
def test_what_is_not_known_is_refused_and_never_guessed(text):
    with pytest.raises(UnknownPromQLError):
        parse(text)
