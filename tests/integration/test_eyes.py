"""What a running portal shows of itself: every metric that rules and dashboards ask for, no label without bounds, every
log line of one order by one query, and nobody's data or secrets in any of it (R013, R282–R284)."""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from portal_local.demo.journey import PASSWORD
from portal_local.order_logs import lines_in
from portal_testing.shoppers import Shoppers
from portal_testing.stack import PortalStack
from portal_viewer.about_order import Line, lines_about
from portal_viewer.dashboard_table import DASHBOARDS
from portal_viewer.promql import parse, selectors

OBSERVABILITY = Path(__file__).parents[2] / "deploy" / "observability"
OF_THE_SCRAPE = {"job", "instance"}
"""Labels Prometheus adds, beside the series `up`."""
PASSED_BY_EVERY_ORDER = {
    "gateway",
    "orders",
    "catalog",
    "identity",
    "billing",
    "changefeed",
    "fulfillment",
    "notifications",
}
SALESFORCE_ID = re.compile(r"\b(?:001|006|801)[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b")
Series = Mapping[str, set[frozenset[tuple[str, str]]]]
"""Labels of each sample by the sample's name."""


async def scraped(stack: PortalStack) -> tuple[Series, set[str]]:
    """Read /metrics of every process: samples, and the names of all families, those without a sample too."""
    running = json.loads((stack.state_folder / "running.json").read_text(encoding="utf-8"))
    series: dict[str, set[frozenset[tuple[str, str]]]] = defaultdict(set)
    families: set[str] = set()
    async with httpx.AsyncClient() as client:
        for name, ready_url in running["ready_urls"].items():
            if name == "sandbox":
                continue
            answer = await client.get(ready_url.replace("/readyz", "/metrics"))
            for family in text_string_to_metric_families(answer.text):
                families |= {f"{family.name}{ending}" for ending in ("", "_total", "_bucket", "_sum", "_count")}
                for sample in family.samples:
                    series[sample.name].add(frozenset({**sample.labels, "process": name}.items()))
    return series, families


def asked_by_rules() -> Iterator[tuple[str, str, frozenset[str]]]:
    for file in ("alerts.yaml", "slo.yaml"):
        content = yaml.safe_load((OBSERVABILITY / file).read_text(encoding="utf-8"))
        for rule in (rule for group in content["groups"] for rule in group["rules"]):
            for selector, labels in selectors(parse(rule["expr"])):
                yield rule.get("alert") or rule["record"], selector.name, labels


def asked_by_panels() -> Iterator[tuple[str, str, frozenset[str]]]:
    for page in DASHBOARDS:
        for row in page.rows:
            for query, _ in row.queries:
                for selector, labels in selectors(parse(query)):
                    yield f"{page.uid}: {row.title}", selector.name, labels


async def played(shoppers: Shoppers) -> str:
    """Play a journey with every kind of service and give one of its orders."""
    shopper = await shoppers.somebody()
    esim = {"sku": "SIM-VOICE-ESIM-20G", "eid": shopper.person.eid}
    order_id, _ = await shopper.order_services(esim, {"sku": "VPN-US"})
    await shopper.journey.approve()
    assert await shopper.finish() == []
    return order_id


async def test_every_metric_of_rules_and_dashboards_is_there_after_a_journey(portal_stack, shoppers) -> None:
    await played(shoppers)
    series, families = await scraped(portal_stack)
    missing = []
    for who, name, labels in asked_by_rules():  # what an alert looks at must be there before it happens
        if not name.startswith(("slo:", "up")):
            found = [{label for label, _ in one} for one in series.get(name, ())]
            if not any(labels - OF_THE_SCRAPE <= one for one in found):
                missing.append((who, name, sorted(labels)))
    for who, name, labels in asked_by_panels():  # a panel may be empty until something goes wrong
        if name != "up" and name not in families:
            missing.append((who, name, sorted(labels)))
        for one in series.get(name, ()):
            assert labels - OF_THE_SCRAPE <= {label for label, _ in one}, (who, name)
    assert missing == []


async def test_the_number_of_series_does_not_grow_with_orders_and_customers(portal_stack, shoppers) -> None:
    await played(shoppers)
    before, _ = await scraped(portal_stack)
    await asyncio.gather(*(played(shoppers) for _ in range(4)))
    after, _ = await scraped(portal_stack)
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, found in after.items():
        for label, value in (pair for one in found - before.get(name, set()) for pair in one):
            values[name, label].add(value)
    # Something may happen for the first time, such as a retry; but none of the eight orders leaves a mark of its own.
    assert {key: found for key, found in values.items() if len(found) >= 8 and key[1] != "le"} == {}
    everything = {value for found in after.values() for one in found for _, value in one}
    assert {value for value in everything if len(value) > 90 or "@" in value or SALESFORCE_ID.search(value)} == set()


async def test_one_query_finds_every_service_that_an_order_passed_and_nobodys_data(portal_stack, shoppers) -> None:
    shopper = await shoppers.somebody()
    await shopper.order_esim()
    await portal_stack.sandbox.arm_fault("whmcs", "GetPayMethods", "status", times=3, params={"status": 503})
    await shopper.journey.approve()
    assert await shopper.finish() == []
    (order,) = shopper.journey.orders
    lines = await settled(portal_stack, order.order_id)
    assert {line["service"] for line in lines} >= PASSED_BY_EVERY_ORDER
    assert any(line["event"] == "a step met a problem" and "WHMCS" in line["problem"] for line in lines), "the retry"
    assert all("trace_id" in line for line in lines if line["event"].startswith("a request"))
    steps = [line for line in lines if line["event"] == "a step ended"]
    assert {line["service"] for line in steps} >= {"orders", "billing", "fulfillment", "notifications"}
    assert all({"kind", "key", "step", "trace_id"} <= line.keys() for line in steps)

    by_number = lines_about(order.order_number, lines_in(portal_stack.state_folder / "logs"))
    assert {line["service"] for line in by_number} >= PASSED_BY_EVERY_ORDER

    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    private = [shopper.person.email, shopper.person.eid, "見本", "花子", PASSWORD, "LPA:1$", "Bearer "]
    assert [word for word in private if word in text] == []


async def settled(stack: PortalStack, order_id: str) -> list[Line]:
    """Give the lines about an order once its last mail is out."""
    async with asyncio.timeout(20):
        while True:
            lines = lines_about(order_id, lines_in(stack.state_folder / "logs"))
            if any(line.get("key") == f"order_activated:{order_id}" and line.get("status") == "done" for line in lines):
                return lines
            await asyncio.sleep(0.2)
