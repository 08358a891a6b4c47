"""Each alert fires on what it is for, and is silent on what looks like it: expressions are played, not only read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from portal_viewer.rules import Rule

DAY = 86_400.0
BEGIN = 1_000_000.0


@dataclass(frozen=True)
class Case:
    alert: str
    bad: Mapping[str, Any]
    good: Mapping[str, Any]
    minutes: int = 30


def rising(per_minute: float, start: float = 0.0) -> Callable[[float], float]:
    return lambda minute: start + per_minute * minute


def jumps(at: float, by: float = 1.0) -> Callable[[float], float]:
    """A counter that was there before and grows once."""
    return lambda minute: by if minute >= at else 0.0


def reads(bad_per_minute: float, all_per_minute: float) -> dict[str, Any]:
    read = 'operation="GET /catalog",status="200"'
    return {
        f'portal_http_request_seconds_bucket{{{read},le="0.25"}}': rising(all_per_minute - bad_per_minute),
        f'portal_http_request_seconds_bucket{{{read},le="+Inf"}}': rising(all_per_minute),
        f"portal_http_request_seconds_count{{{read}}}": rising(all_per_minute),
    }


def activations(late_per_minute: float, all_per_minute: float) -> dict[str, Any]:
    return {
        'portal_provisioning_active_after_seconds_bucket{le="900.0"}': rising(all_per_minute - late_per_minute),
        "portal_provisioning_active_after_seconds_count": rising(all_per_minute),
    }


def waited(seconds_bucket: str) -> dict[str, Any]:
    bounds = ("10.0", "60.0", "300.0", "900.0", "+Inf")
    name = 'portal_provisioning_waited_seconds_bucket{actor="us",le="%s"}'
    reached = bounds.index(seconds_bucket)
    return {name % bound: rising(10.0 if place >= reached else 0.0) for place, bound in enumerate(bounds)}


def ends(days: float, renewal: str = "manual") -> dict[str, Any]:
    """A certificate that ends so many days after the last minute played."""
    name = f'portal_certificate_expires_timestamp_seconds{{certificate="portal",renewal="{renewal}"}}'
    return {name: BEGIN + 1500 * 60 + days * DAY}


CASES = [
    Case(
        "ExtraOrderActive",
        {"portal_whmcs_extras_active_total": jumps(25)},
        {"portal_whmcs_extras_active_total": jumps(5)},
    ),
    Case(
        "CancelledOrderPaid",
        {"portal_whmcs_cancelled_orders_paid_total": jumps(10)},
        {"portal_whmcs_cancelled_orders_paid_total": 3},
    ),
    Case(
        "OrderNeedsHuman",
        {'portal_provisioning_processes{status="needs_human",owner="us"}': 1},
        {'portal_provisioning_processes{status="blocked",owner="staff"}': 4},
    ),
    Case(
        "ProvisioningStandsWithUs",
        {'portal_provisioning_oldest_standing_seconds{owner="vendor"}': 1900},
        {'portal_provisioning_oldest_standing_seconds{owner="staff"}': 9000},
    ),
    Case(
        "ProvisioningStandsWithStaff",
        {'portal_provisioning_oldest_standing_seconds{owner="staff"}': 7300},
        {'portal_provisioning_oldest_standing_seconds{owner="customer"}': 90000},
    ),
    Case(
        "ProvisioningFails",
        {
            'portal_provisioning_ends_total{state="failed",code="A"}': rising(0.5),
            'portal_provisioning_ends_total{state="activated",code=""}': rising(1),
        },
        {
            'portal_provisioning_ends_total{state="failed",code="A"}': rising(0.1),
            'portal_provisioning_ends_total{state="activated",code=""}': rising(5),
        },
        minutes=60,
    ),
    Case("ActivationIsSlow", waited("300.0"), waited("60.0"), minutes=60),
    Case(
        "PriceMismatch",
        {"portal_orders_price_mismatches_total": jumps(10)},
        {"portal_orders_price_mismatches_total": 2},
    ),
    Case(
        "SystemsDiffer",
        {'portal_orders_differences{kind="paid"}': 1},
        {'portal_orders_differences{kind="paid"}': lambda minute: float(minute % 60 != 0)},
        minutes=1450,
    ),
    Case(
        "ComparisonMissing",
        {"portal_orders_comparison_ended_timestamp_seconds": BEGIN - 2 * DAY},
        {"portal_orders_comparison_ended_timestamp_seconds": 0},  # a new portal has not compared anything yet
    ),
    Case(
        "ProcessNeedsHuman",  # C18, C22
        {'portal_processes{kind="cancellation",status="needs_human"}': 1},
        {
            'portal_processes{kind="cancellation",status="waiting"}': 7,
            'portal_processes{kind="provisioning",status="needs_human"}': 1,  # has an alert of its own
        },
    ),
    Case(
        "DeadlineMissed",
        {'portal_orders_deadlines_missed_total{what="review_priority"}': jumps(25)},
        {'portal_orders_deadlines_missed_total{what="review_priority"}': 3},
    ),
    Case("ReviewIsLate", {"portal_orders_review_oldest_seconds": 7300}, {"portal_orders_review_oldest_seconds": 7000}),
    Case(
        "ManyManualTouches",
        {
            'portal_provisioning_manual_touches_total{action="retry"}': rising(0.2),
            'portal_provisioning_ends_total{state="activated",code=""}': rising(1),
        },
        {
            'portal_provisioning_manual_touches_total{action="retry"}': rising(0.05),
            'portal_provisioning_ends_total{state="activated",code=""}': rising(10),
        },
        minutes=60,
    ),
    Case(
        "VendorCircuitOpen",
        {'portal_vendor_circuit_open{vendor="whmcs",purpose="reads"}': 1},
        {'portal_vendor_circuit_open{vendor="whmcs",purpose="reads"}': 0},
    ),
    Case(
        "OutcomesUnclear",
        {'portal_whmcs_unclear_outcomes_total{call="AddOrder"}': rising(1)},
        {'portal_whmcs_unclear_outcomes_total{call="AddOrder"}': rising(0.1)},
    ),
    Case(
        "SalesforceQuota",
        {"portal_salesforce_api_requests_used": 81_000, "portal_salesforce_api_requests_limit": 100_000},
        {"portal_salesforce_api_requests_used": 79_000, "portal_salesforce_api_requests_limit": 100_000},
    ),
    Case(
        "SalesforceEventsQuota",
        {
            'portal_salesforce_allocation_left{allocation="events"}': 100,
            'portal_salesforce_allocation_limit{allocation="events"}': 1000,
        },
        {
            'portal_salesforce_allocation_left{allocation="events"}': 900,
            'portal_salesforce_allocation_limit{allocation="events"}': 1000,
        },
    ),
    Case(
        "UnknownPicklistText",
        {'portal_salesforce_unknown_values_total{picklist="order.status"}': jumps(10)},
        {'portal_salesforce_unknown_values_total{picklist="order.status"}': 1},
    ),
    Case(
        "ChangefeedSilent",
        {
            "portal_changefeed_leader": 1,
            'portal_changefeed_last_sign_seconds{topic="/data/OrderChangeEvent"}': BEGIN,
        },
        {
            "portal_changefeed_leader": 1,
            'portal_changefeed_last_sign_seconds{topic="/data/OrderChangeEvent"}': lambda minute: BEGIN + 60 * minute,
        },
    ),
    Case(
        "DeadLetter",
        {'portal_bus_events_buried_total{subject="orders.order.placed.v1"}': jumps(25)},
        {'portal_bus_events_buried_total{subject="orders.order.placed.v1"}': 1},
    ),
    Case(
        "ConsumerStopped",
        {'portal_bus_consumer_present{durable="orders-x"}': 0},
        {'portal_bus_consumer_present{durable="orders-x"}': 1, 'portal_bus_consumer_stopped{durable="orders-x"}': 0},
    ),
    Case("OutboxStuck", {"portal_outbox_oldest_seconds": 90}, {"portal_outbox_oldest_seconds": 30}),
    Case(
        "ProcessesLate",
        {'portal_process_oldest_due_seconds{kind="mail"}': 130},
        {'portal_process_oldest_due_seconds{kind="mail"}': 100},
    ),
    Case(
        "BusDenied",
        {"portal_bus_permission_violations_total": jumps(28)},
        {"portal_bus_permission_violations_total": 1},
    ),
    Case("BusAway", {"portal_bus_connected": 0}, {"portal_bus_connected": 1}),
    Case(
        "SignedCallsRefused",
        {'portal_gateway_signed_calls_total{outcome="mac_wrong"}': rising(1)},
        {'portal_gateway_signed_calls_total{outcome="genuine"}': rising(100)},
    ),
    Case("CatalogDefects", {"portal_catalog_defects": 1}, {"portal_catalog_defects": 0}, minutes=90),
    Case(
        "CatalogPriceMismatch",
        {'portal_catalog_unsellable{problem="PRICE_MISMATCH"}': 1},
        {'portal_catalog_unsellable{problem="MARKER_UNMAPPED"}': 1},
        minutes=30,
    ),
    Case(
        "CatalogOld",
        {"portal_catalog_read_timestamp_seconds": BEGIN},
        {"portal_catalog_read_timestamp_seconds": BEGIN + 60 * 60},
        minutes=90,
    ),
    Case(
        "ProcessDown",
        {'up{job="orders",instance="a"}': 0},
        {'up{job="orders",instance="a"}': 0, 'up{job="orders",instance="b"}': 1},
    ),
    Case(
        "ProcessSpins",
        {
            'process_cpu_seconds_total{job="orders"}': rising(59),
            'portal_bus_answer_seconds_count{job="orders",subject="x"}': rising(60),
        },
        {
            'process_cpu_seconds_total{job="orders"}': rising(59),
            'portal_bus_answer_seconds_count{job="orders",subject="x"}': rising(60 * 80),
        },
    ),
    Case(
        "EventLoopLate",
        {'portal_event_loop_lag_seconds{job="orders"}': 1.5},
        {'portal_event_loop_lag_seconds{job="orders"}': 0.1},
    ),
    Case("ReadsBurnFast", reads(20, 100), reads(10, 100), minutes=90),
    Case("ReadsBurnSlowly", reads(7, 100), reads(5, 100), minutes=400),
    Case("ReadsBudgetGoes", reads(1.2, 100), reads(0.8, 100), minutes=1500),
    Case("ActivationsLate", activations(0.3, 1), activations(0.04, 1), minutes=400),
    Case("CertificateExpiresIn30Days", ends(28), ends(30), minutes=1500),
    Case("CertificateExpiresIn14Days", ends(13), ends(15), minutes=1500),
    Case("CertificateNotRenewed", ends(13, "automatic"), ends(13, "manual"), minutes=1500),
    Case("CertificateExpiresIn7Days", ends(6), ends(8), minutes=1500),
    Case(
        "CertificateUnreadable",
        {'portal_certificate_readable{certificate="portal"}': 0},
        {'portal_certificate_readable{certificate="portal"}': 1},
        minutes=90,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_on_what_it_is_for(case: Case, fires: Callable[..., list[str]]) -> None:  # C35, R293, R294
    assert fires(case.bad, minutes=case.minutes, only=case.alert, begin=BEGIN)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_is_silent_on_what_looks_like_it(case: Case, fires: Callable[..., list[str]]) -> None:
    assert not fires(case.good, minutes=case.minutes, only=case.alert, begin=BEGIN)


def test_every_alert_is_played(rules: list[Rule]) -> None:
    assert {case.alert for case in CASES} == {rule.name for rule in rules if not rule.records}
