"""Every dashboard as a table: what is shown, in which unit, and by which query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Queries = Sequence[tuple[str, str]]
"""PromQL and how its series are called."""


@dataclass(frozen=True, slots=True)
class Row:
    """One panel; `unit` is Grafana's word, `width` of 24."""

    title: str
    queries: Queries
    unit: str = "short"
    width: int = 8
    kind: Literal["timeseries", "stat"] = "timeseries"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard."""

    uid: str
    title: str
    rows: Sequence[Row]


def _figure(title: str, query: str, unit: str = "short", description: str = "", legend: str = "") -> Row:
    return Row(title, ((query, legend),), unit, 4, "stat", description)


def _quantile(share: float, metric: str, by: str = "", matchers: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{matchers}[5m])))"


def _rate(metric: str, by: str, matchers: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{matchers}[5m]))"


_ENDS: Final = "portal_provisioning_ends_total"
_OVERVIEW: Final = Page(
    "overview",
    "Overview",
    (
        _figure("Activated, last hour", f'sum(increase({_ENDS}{{state="activated"}}[1h]))', description="R013"),
        _figure("Failed, last hour", f'sum(increase({_ENDS}{{state="failed"}}[1h]))', description="R013: error rate"),
        _figure(
            "Waiting for a decision",
            'sum(portal_provisioning_processes{status="needs_human"})',
            description="Orders that a person must decide about",
        ),
        _figure(
            "Manual touches, last day",
            "sum(increase(portal_provisioning_manual_touches_total[1d]))",
            description="R013: manual tasks",
        ),
        _figure(
            "Price mismatches, last day",
            "sum(increase(portal_whmcs_price_mismatches_total[1d]))"
            " + sum(increase(portal_orders_price_mismatches_total[1d]))",
            description="R013: price consistency",
        ),
        _figure(
            "Second orders active", "sum(portal_whmcs_extras_active_total)", description="The promise: always none"
        ),
        Row(
            "Approved → active",
            (
                (_quantile(0.5, "portal_provisioning_active_after_seconds"), "half within"),
                (_quantile(0.95, "portal_provisioning_active_after_seconds"), "95 % within"),
            ),
            "s",
            description="R013: time to activate, without the wait for a wanted date",
        ),
        Row(
            "Oldest order standing, by who must act",
            (("max by (owner) (portal_provisioning_oldest_standing_seconds)", "{{owner}}"),),
            "s",
        ),
        Row("Orders by state", (("sum by (status) (portal_provisioning_processes)", "{{status}}"),)),
        Row("HTTP answers per second", ((_rate("portal_http_request_seconds_count", "status"), "{{status}}"),)),
        Row(
            "Reads: 99 % within",
            ((_quantile(0.99, "portal_http_request_seconds", matchers='{operation=~"GET .*"}'), "all reads"),),
            "s",
        ),
        Row(
            "Vendor calls failing per second",
            ((_rate("portal_vendor_calls_total", "vendor", '{outcome!="ok"}'), "{{vendor}}"),),
        ),
        Row("Processes", (("max by (job) (up)", "{{job}}"),), "bool_yes_no", description="Whether /metrics answers"),
        Row(
            "Certificates: time left",
            (("min by (certificate) (portal_certificate_expires_timestamp_seconds) - time()", "{{certificate}}"),),
            "s",
        ),
        Row("Oldest unpublished event", (("max by (job) (portal_outbox_oldest_seconds)", "{{job}}"),), "s"),
    ),
)

_PROVISIONING: Final = Page(
    "provisioning",
    "Provisioning",
    (
        Row(
            "Orders by state and who must act",
            (("sum by (status, owner) (portal_provisioning_processes)", "{{status}} {{owner}}"),),
        ),
        Row("Oldest standing", (("max by (owner) (portal_provisioning_oldest_standing_seconds)", "{{owner}}"),), "s"),
        Row(
            "Time by whose turn it was, 95 %",
            ((_quantile(0.95, "portal_provisioning_waited_seconds", "actor"), "{{actor}}"),),
            "s",
            description="Of orders that became active: us, vendor, staff, customer, schedule",
        ),
        Row(
            "Approved → active",
            (
                (_quantile(0.5, "portal_provisioning_active_after_seconds"), "half within"),
                (_quantile(0.95, "portal_provisioning_active_after_seconds"), "95 % within"),
            ),
            "s",
        ),
        Row(
            "Attempts begun per second, by source",
            ((_rate("portal_provisioning_attempts_total", "source"), "{{source}}"),),
        ),
        Row("Ends per second", ((_rate(_ENDS, "state"), "{{state}}"),)),
        Row(
            "Manual touches per second", ((_rate("portal_provisioning_manual_touches_total", "action"), "{{action}}"),)
        ),
        Row(
            "Price mismatches per second",
            (
                (_rate("portal_whmcs_price_mismatches_total", "stage"), "WHMCS {{stage}}"),
                (_rate("portal_orders_price_mismatches_total", "found_by"), "Salesforce {{found_by}}"),
            ),
        ),
        Row("Differences between the systems", (("sum by (kind) (portal_orders_differences)", "{{kind}}"),)),
        Row(
            "WHMCS orders",
            (
                ("sum(portal_whmcs_orders_created_total)", "created"),
                ("sum(portal_whmcs_orders_accepted_total)", "accepted"),
                ("sum(portal_whmcs_orders_adopted_total)", "taken over"),
                ("sum(portal_whmcs_extras_cancelled_total)", "late twins cancelled"),
                ("sum(portal_whmcs_extras_active_total)", "late twins active"),
            ),
        ),
        Row("Unclear writes per second", ((_rate("portal_whmcs_unclear_outcomes_total", "call"), "{{call}}"),)),
        Row("Quiet periods per second", ((_rate("portal_whmcs_quiet_periods_total", "call"), "{{call}}"),)),
        Row("Review by staff", (("max(portal_orders_review_waiting)", "orders waiting"),), width=6),
        Row("Oldest order in review", (("max(portal_orders_review_oldest_seconds)", "oldest"),), "s", 6),
        Row("Processes by kind", (("sum by (kind, status) (portal_processes)", "{{kind}} {{status}}"),), width=6),
        Row("Oldest due", (("max by (kind) (portal_process_oldest_due_seconds)", "{{kind}}"),), "s", 6),
    ),
)

_SERVICES: Final = Page(
    "services",
    "Services",
    (
        Row("Requests per second", ((_rate("portal_bus_answer_seconds_count", "job"), "{{job}}"),)),
        Row("Problems per second", ((_rate("portal_bus_answer_problems_total", "job, code"), "{{job}} {{code}}"),)),
        Row("Answers: 95 % within", ((_quantile(0.95, "portal_bus_answer_seconds", "job"), "{{job}}"),), "s"),
        Row(
            "HTTP by operation, per second",
            ((f"topk(10, {_rate('portal_http_request_seconds_count', 'operation')})", "{{operation}}"),),
        ),
        Row(
            "HTTP failures per second",
            (
                (
                    _rate("portal_http_request_seconds_count", "operation, status", '{status=~"5.."}'),
                    "{{operation}} {{status}}",
                ),
            ),
        ),
        Row(
            "HTTP: 95 % within, slowest operations",
            ((f"topk(10, {_quantile(0.95, 'portal_http_request_seconds', 'operation')})", "{{operation}}"),),
            "s",
        ),
        Row("Steps per second", ((_rate("portal_process_steps_total", "kind, outcome"), "{{kind}} {{outcome}}"),)),
        Row("Steps: 95 % within", ((_quantile(0.95, "portal_process_step_seconds", "kind"), "{{kind}}"),), "s"),
        Row("Steps of a lost lease", ((_rate("portal_process_stale_leases_total", "kind"), "{{kind}}"),)),
        Row("CPU", (("sum by (job) (rate(process_cpu_seconds_total[5m]))", "{{job}}"),), "percentunit"),
        Row("Memory", (("max by (job) (process_resident_memory_bytes)", "{{job}}"),), "bytes"),
        Row("Event loop late by", (("max by (job) (portal_event_loop_lag_seconds)", "{{job}}"),), "s"),
    ),
)

_VENDORS: Final = Page(
    "vendors",
    "Vendors",
    (
        Row("Calls per second", ((_rate("portal_vendor_calls_total", "vendor"), "{{vendor}}"),)),
        Row(
            "Not ok per second",
            ((_rate("portal_vendor_calls_total", "vendor, outcome", '{outcome!="ok"}'), "{{vendor}} {{outcome}}"),),
        ),
        Row("95 % within", ((_quantile(0.95, "portal_vendor_call_seconds", "vendor"), "{{vendor}}"),), "s"),
        Row(
            "Slowest calls, 95 %",
            ((f"topk(10, {_quantile(0.95, 'portal_vendor_call_seconds', 'vendor, call')})", "{{vendor}} {{call}}"),),
            "s",
        ),
        Row(
            "Circuit open",
            (("max by (vendor, purpose) (portal_vendor_circuit_open)", "{{vendor}} {{purpose}}"),),
            "bool_yes_no",
        ),
        Row(
            "Calls waiting for a slot",
            (("sum by (vendor, purpose) (portal_vendor_waiting_calls)", "{{vendor}} {{purpose}}"),),
        ),
        Row(
            "Salesforce: daily requests used",
            (("max(portal_salesforce_api_requests_used) / max(portal_salesforce_api_requests_limit)", "share"),),
            "percentunit",
        ),
        Row(
            "Salesforce: allocations left",
            (
                (
                    "min by (allocation) (portal_salesforce_allocation_left / portal_salesforce_allocation_limit)",
                    "{{allocation}}",
                ),
            ),
            "percentunit",
        ),
        Row(
            "Salesforce events per second",
            ((_rate("portal_changefeed_events_total", "topic, outcome"), "{{topic}} {{outcome}}"),),
        ),
        Row(
            "Streams ended per second",
            ((_rate("portal_changefeed_stream_ends_total", "topic, reaction"), "{{topic}} {{reaction}}"),),
        ),
        Row(
            "Last sign of a stream, age",
            (("time() - max by (topic) (portal_changefeed_last_sign_seconds)", "{{topic}}"),),
            "s",
        ),
        Row(
            "Unknown picklist texts", (("sum by (picklist) (portal_salesforce_unknown_values_total)", "{{picklist}}"),)
        ),
    ),
)

_BUS: Final = Page(
    "bus",
    "Bus",
    (
        Row(
            "Requests by subject, per second",
            ((f"topk(12, {_rate('portal_bus_answer_seconds_count', 'subject')})", "{{subject}}"),),
        ),
        Row(
            "Asking: 95 % within",
            ((f"topk(12, {_quantile(0.95, 'portal_bus_ask_seconds', 'subject')})", "{{subject}}"),),
            "s",
        ),
        Row(
            "Asking: problems per second",
            ((_rate("portal_bus_ask_problems_total", "subject, code"), "{{subject}} {{code}}"),),
        ),
        Row("Events taken per second", ((_rate("portal_bus_events_taken_total", "subject"), "{{subject}}"),)),
        Row(
            "Deliveries seen before, per second",
            ((_rate("portal_bus_events_repeated_total", "subject"), "{{subject}}"),),
        ),
        Row("Dead letters", (("sum by (subject) (portal_bus_events_buried_total)", "{{subject}}"),)),
        Row("Waiting for a durable", (("max by (durable) (portal_bus_consumer_pending)", "{{durable}}"),)),
        Row(
            "Durables that answer", (("min by (durable) (portal_bus_consumer_present)", "{{durable}}"),), "bool_yes_no"
        ),
        Row(
            "Durables stopped by our set-up",
            (("max by (durable) (portal_bus_consumer_stopped)", "{{durable}}"),),
            "bool_yes_no",
        ),
        Row("Events published per second", (("sum by (job) (rate(portal_outbox_published_total[5m]))", "{{job}}"),)),
        Row("Oldest unpublished event", (("max by (job) (portal_outbox_oldest_seconds)", "{{job}}"),), "s"),
        Row("Denied calls", (("sum by (job) (portal_bus_permission_violations_total)", "{{job}}"),)),
    ),
)

_CACHES: Final = Page(
    "caches",
    "Caches",
    (
        Row(
            "Found in the cache",
            (
                (
                    (
                        'sum by (owner) (rate(portal_cache_reads_total{result="hit"}[5m]))'
                        " / sum by (owner) (rate(portal_cache_reads_total[5m]))"
                    ),
                    "{{owner}}",
                ),
            ),
            "percentunit",
            12,
        ),
        Row(
            "Reads per second",
            ((_rate("portal_cache_reads_total", "owner, result"), "{{owner}} {{result}}"),),
            width=12,
        ),
    ),
)

_MAILS: Final = Page(
    "mails",
    "Mails",
    (
        Row(
            "Calls of the mail service per second",
            (
                (
                    _rate("portal_vendor_calls_total", "vendor, outcome", '{vendor=~"sendgrid|smtp"}'),
                    "{{vendor}} {{outcome}}",
                ),
            ),
        ),
        Row("Mails by state", (('sum by (status) (portal_processes{kind="mail"})', "{{status}}"),)),
        Row(
            "Steps per second",
            (('sum by (outcome) (rate(portal_process_steps_total{kind="mail"}[5m]))', "{{outcome}}"),),
        ),
        Row("Oldest mail due", (('max(portal_process_oldest_due_seconds{kind="mail"})', "late by"),), "s"),
        Row(
            "95 % within",
            (
                (
                    'histogram_quantile(0.95, sum by (le) (rate(portal_process_step_seconds_bucket{kind="mail"}[5m])))',
                    "a mail",
                ),
            ),
            "s",
        ),
    ),
)

DASHBOARDS: Final = (_OVERVIEW, _PROVISIONING, _SERVICES, _VENDORS, _BUS, _CACHES, _MAILS)
