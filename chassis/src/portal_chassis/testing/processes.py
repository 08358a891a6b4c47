"""Process engines on virtual time."""

from typing import Any

from portal_chassis.process_engine import ProcessEngine
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.process_model import ProcessDefinition
from portal_chassis.testing.clock import ManualClock


def engine(
    *definitions: ProcessDefinition[Any],
    clock: ManualClock | None = None,
    store: InMemoryProcessStore | None = None,
) -> ProcessEngine:
    """Build an engine in memory: drive it with `run_until_idle()`, then `clock.advance(…)`, and again.

    Several engines on one store are several workers.
    """
    clock = clock or ManualClock()
    built = ProcessEngine(store or InMemoryProcessStore(clock), clock, clock)
    for definition in definitions:
        built.register(definition)
    return built
