"""Fakes of the chassis for tests: nothing outside of tests imports this."""

from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing.clock import ManualClock
from portal_chassis.testing.fake_bus import Asked, FakeBus
from portal_chassis.testing.operators import InMemoryOperatorDesk, operator_actor, operator_call
from portal_chassis.testing.processes import (
    MortalDesk,
    MortalStore,
    WorkerKilled,
    engine,
    grow_old,
    run_to_rest,
    work_for,
)
from portal_chassis.testing.spans import CollectedSpan, SpanCollector

__all__ = [
    "Asked",
    "CollectedSpan",
    "FakeBus",
    "InMemoryDatabase",
    "InMemoryOperatorDesk",
    "InMemoryProcessStore",
    "InMemoryTransaction",
    "ManualClock",
    "MortalDesk",
    "MortalStore",
    "SpanCollector",
    "WorkerKilled",
    "engine",
    "grow_old",
    "operator_actor",
    "operator_call",
    "run_to_rest",
    "work_for",
]
