"""Forgetting a deleted customer in a service's own database, whatever crashes, and telling so (D17).

    serve(service.bus, service.processes, service.clock, PostgresMemory(service.database), OrdersForgotten)

Each announcement of a deletion is a process of its own. It waits until nobody can act in the customer's name any more
and nothing of theirs is under way; then it forgets and records what it did, both in one transaction. Announced again,
by a copy or after identity's database was restored, it finds nothing left and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from pydantic import BaseModel

from portal_chassis.bus import Bus, Delivery
from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Outcome, ProcessDefinition, ProcessEngine, Run, Step, Wait
from portal_contracts.forgetting import CustomerForgotten
from portal_contracts.identity_personal_data import CustomerErased

KIND: Final = "forgetting"
LAST_REQUEST: Final = timedelta(minutes=3)
"""Longer than an actor token lives (`actor.DEFAULT_LIFETIME`): a request that was under way has ended by then."""
LOOK_AGAIN: Final = timedelta(hours=1)


class Person(BaseModel, frozen=True):
    """Who is forgotten. `erased_at` is business time."""

    user_id: str
    account_id: str
    whmcs_client_id: int
    erased_at: datetime

    @property
    def begun_until(self) -> datetime:
        """When the last request in their name has ended: what began later is of somebody who signed up anew."""
        return self.erased_at + LAST_REQUEST


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Rows that are gone or blank, and rows that stay, by what they are; `because` says why these stay."""

    removed: Mapping[str, int]
    kept: Mapping[str, int] = field(default_factory=dict)
    because: str = ""


class Memory(Protocol):
    """What a service knows of a customer. Raises StoreUnavailable."""

    async def is_at_rest(self, person: Person) -> bool:
        """Whether nothing of theirs is under way any more.

        Copies that no transaction holds, such as a cache's, are dropped here; TryLater while they cannot be. Safe to
        repeat.
        """

    async def forget(self, transaction: Transaction, person: Person) -> Forgotten:
        """Forget what began until then, so that nothing that comes late brings it back. A repeat finds nothing left."""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """The process: one step, looked at again until everything is at rest."""

    memory: Memory
    told_as: type[CustomerForgotten]

    def definition(self) -> ProcessDefinition[Person]:
        """Give it as a list."""
        return ProcessDefinition(KIND, Person, (Step("forget", self.forget),))

    async def forget(self, run: Run[Person]) -> Outcome:
        """Wait for what is under way, then forget and tell."""
        person = run.state
        if run.clock.now() < person.begun_until:
            return Wait(until=person.begun_until, because="a request in the customer's name may still be under way")
        if not await self.memory.is_at_rest(person):
            return Wait(after=LOOK_AGAIN, because="something of the customer's is not over yet")

        async def effect(transaction: Transaction) -> None:
            found = await self.memory.forget(transaction, person)
            await transaction.record(
                self.told_as(user_id=person.user_id, removed=found.removed, kept=found.kept, because=found.because)
            )

        return Done(effects=(effect,))


def serve(
    bus: Bus, processes: ProcessEngine, clock: BusinessClock, memory: Memory, told_as: type[CustomerForgotten]
) -> None:
    """Register the process and take the announcements that start it."""
    processes.register(Forgetting(memory, told_as).definition())

    @bus.consumes(CustomerErased)
    async def on_customer_erased(event: CustomerErased, delivery: Delivery) -> None:
        person = Person(
            user_id=event.user_id,
            account_id=event.account_id,
            whmcs_client_id=event.whmcs_client_id,
            erased_at=event.erased_at or clock.now(),
        )
        await processes.start(delivery.transaction, KIND, delivery.message_id, person, traceparent=delivery.traceparent)
