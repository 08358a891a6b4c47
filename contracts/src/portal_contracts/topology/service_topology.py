"""What a service's place on the bus consists of, and the names that follow from it."""

from dataclasses import dataclass
from typing import Any

from portal_contracts.message import Event, Request

Requests = tuple[type[Request[Any]], ...]
Events = tuple[type[Event], ...]


@dataclass(frozen=True, slots=True)
class ServiceTopology:
    """One service's place on the bus. `records` are the events it alone writes to its outbox."""

    name: str
    serves: Requests = ()
    asks: Requests = ()
    records: Events = ()
    consumes: Events = ()
    watches: Events = ()
    database: bool = True

    @property
    def stream(self) -> str:
        """The JetStream stream that holds what the service records."""
        return stream_of(self.name)


def stream_of(owner: str) -> str:
    """Name the stream of an owner's events."""
    return f"PORTAL_{owner.upper()}"


def durable_name(service: str, event: type[Event]) -> str:
    """Name the durable consumer through which a service takes an event: once per service, whoever of it is up."""
    return f"{service}-{event.subject.replace('.', '-')}"


def owner_of(subject: str) -> str:
    """Give the service a subject belongs to: its first word."""
    return subject.split(".", 1)[0]
