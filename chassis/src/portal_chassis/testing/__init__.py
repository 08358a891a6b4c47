"""Fakes of the chassis for tests: nothing outside of tests imports this."""

from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing.clock import ManualClock
from portal_chassis.testing.fake_bus import Asked, FakeBus
from portal_chassis.testing.processes import MortalStore, WorkerKilled, engine, run_to_rest
from portal_chassis.testing.spans import CollectedSpan, SpanCollector

__all__ = [
    "Asked",
    "CollectedSpan",
    "FakeBus",
    "InMemoryDatabase",
    "InMemoryProcessStore",
    "InMemoryTransaction",
    "ManualClock",
    "MortalStore",
    "SpanCollector",
    "WorkerKilled",
    "engine",
    "run_to_rest",
]
