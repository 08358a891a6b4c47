"""Metrics in Prometheus' default registry. Names are `portal_<thing>_<unit>`; labels never hold ids."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

FAST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, for work inside the portal."""
VENDOR_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds, for calls to foreign systems."""


def counter(name: str, meaning: str, *labels: str, known: Iterable[tuple[str, ...]] = ()) -> Counter:
    """Make a counter; its name on the wire gets the ending `_total`.

    `known` are values of the labels to begin with at zero: a series that first appears with a one has not grown as far
    as Prometheus can see, so an alert on its increase would miss the first of them.
    """
    made = Counter(name, meaning, labels)
    for values in known:
        made.labels(*values)
    return made


def gauge(name: str, meaning: str, *labels: str) -> Gauge:
    """Make a gauge."""
    return Gauge(name, meaning, labels)


def histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...] = FAST_BUCKETS) -> Histogram:
    """Make a histogram of seconds."""
    return Histogram(name, meaning, labels, buckets=buckets)


def rendered() -> bytes:
    """Give everything in Prometheus' text format."""
    return generate_latest(REGISTRY)


PROCESS_STEPS: Final = counter("portal_process_steps", "Steps that ended, by outcome", "kind", "step", "outcome")
PROCESS_STEP_SECONDS: Final = histogram(
    "portal_process_step_seconds", "How long steps took", "kind", "step", buckets=VENDOR_BUCKETS
)
PROCESSES: Final = gauge("portal_processes", "Processes by kind and status, finished ones left out", "kind", "status")
PROCESS_OLDEST_DUE: Final = gauge("portal_process_oldest_due_seconds", "How late the oldest due process is", "kind")
PROCESS_STALE: Final = counter("portal_process_stale_leases", "Steps whose lease somebody else had taken", "kind")
VENDOR_CALLS: Final = counter(
    "portal_vendor_calls", "Calls to foreign systems, by outcome", "vendor", "call", "outcome"
)
VENDOR_SECONDS: Final = histogram(
    "portal_vendor_call_seconds", "How long calls to foreign systems took", "vendor", "call", buckets=VENDOR_BUCKETS
)
VENDOR_WAITING: Final = gauge("portal_vendor_waiting_calls", "Calls waiting for a slot", "vendor", "purpose")
VENDOR_CIRCUIT: Final = gauge("portal_vendor_circuit_open", "1 while the circuit breaker is open", "vendor", "purpose")
CACHE_READS: Final = counter("portal_cache_reads", "Cache reads by result", "owner", "result")
