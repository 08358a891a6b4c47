"""What handlers get and give beside the message itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from portal_chassis.actor import Actor
from portal_chassis.deadline import Deadline
from portal_contracts.problems import Misconfigured, Refused

if TYPE_CHECKING:
    from portal_chassis.postgres import Transaction

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call:
    """The circumstances of a request: for whom, until when, with which headers."""

    actor: Actor | None
    deadline: Deadline
    headers: Mapping[str, str]

    def customer(self) -> Actor:
        """Give the signed-in customer.

        Raises Misconfigured `ACTOR_REFUSED` when the message carried nobody, Refused `FORBIDDEN` for an operator.
        """
        actor = self.signed_in()
        if actor.operator:
            raise Refused("FORBIDDEN")
        return actor

    def operator(self) -> Actor:
        """Give the operator, whose e-mail address is in `operator`; what they may do was checked before the handler.

        Raises Misconfigured `ACTOR_REFUSED` when the message carried nobody, Refused `FORBIDDEN` for a customer.
        """
        actor = self.signed_in()
        if not actor.operator:
            raise Refused("FORBIDDEN")
        return actor

    def signed_in(self) -> Actor:
        """Give the customer or the operator, for what concerns their session and nobody's data.

        Raises Misconfigured `ACTOR_REFUSED` when the message carried nobody.
        """
        if self.actor is None:
            raise Misconfigured("ACTOR_REFUSED", facts={"reason": "missing"})
        return self.actor


@dataclass(frozen=True, slots=True)
class Encoded(Generic[R]):
    """A reply of type R that is already JSON, with wire names; it passes through as it is."""

    body: bytes


@dataclass(frozen=True, slots=True)
class RawReply:
    """An unparsed answer: JSON of the reply, or of a ProblemReply when `problem` holds its code."""

    body: bytes
    problem: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The circumstances of an event: its transaction, which also holds the inbox row, and where it came from.

    `delivered` counts deliveries by the bus, 1 the first time.
    """

    transaction: "Transaction"
    message_id: str
    subject: str
    traceparent: str | None
    delivered: int
