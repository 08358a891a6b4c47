"""Fakes of the chassis for tests: nothing outside of tests imports this."""

from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing.clock import ManualClock
from portal_chassis.testing.processes import engine

__all__ = ["InMemoryDatabase", "InMemoryProcessStore", "InMemoryTransaction", "ManualClock", "engine"]
