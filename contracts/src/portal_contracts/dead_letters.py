"""The four requests every service with a database answers about its dead letters (architecture §4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import ClassVar, NamedTuple

from pydantic import Field

from portal_contracts.message import Message
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission


class DeadLetter(Message):
    """A message that could not be taken: kept raw in the consumer's own database until somebody decides."""

    id: int
    subject: str
    message_id: str
    problem: str = Field(description="Class and text of what was raised; no payload")
    delivered: int = Field(description="How often the bus had delivered it")
    buried_at: datetime
    state: str = Field(description="buried, replayed or discarded")


class DeadLetterList(Message):
    """The newest dead letters first."""

    dead_letters: Sequence[DeadLetter]
    total: int


class DeadLetterAttempt(Message):
    """A replay that failed again."""

    at: datetime
    by: str = Field(description="The operator's e-mail address")
    problem: str


class DeadLetterDetail(Message):
    """One dead letter with its payload, secrets and personal data redacted (D13)."""

    dead_letter: DeadLetter
    headers: Mapping[str, str]
    payload: str
    attempts: Sequence[DeadLetterAttempt] = Field(default=(), description="Replays that failed, the oldest first")


class ListDeadLettersBase(OperatorQuery[DeadLetterList]):
    """List a service's dead letters."""

    permission: ClassVar[Permission] = "dead_letter.read"
    state: str = "buried"
    limit: int = Field(default=100, ge=1, le=1000)


class ShowDeadLetterBase(OperatorQuery[DeadLetterDetail]):
    """Show one dead letter. Refused with NOT_FOUND."""

    permission: ClassVar[Permission] = "dead_letter.read"
    id: int


class ReplayDeadLetterBase(OperatorCommand[OperatorOutcome]):
    """Hand a dead letter to its consumer again; harmless to repeat. Refused with NOT_FOUND."""

    permission: ClassVar[Permission] = "dead_letter.act"
    id: int


class DiscardDeadLetterBase(OperatorCommand[OperatorOutcome]):
    """Close a dead letter for good; the row stays. Refused with NOT_FOUND."""

    permission: ClassVar[Permission] = "dead_letter.act"
    id: int


class DeadLetterMessages(NamedTuple):
    """The four request classes of one service."""

    list: type[ListDeadLettersBase]
    show: type[ShowDeadLetterBase]
    replay: type[ReplayDeadLetterBase]
    discard: type[DiscardDeadLetterBase]


@cache
def dead_letter_messages(service: str) -> DeadLetterMessages:
    """Give a service's four request classes, `<service>.dead_letter.{list,show,replay,discard}.v1`."""
    return DeadLetterMessages(
        list=type(
            "ListDeadLetters",
            (ListDeadLettersBase,),
            {"subject": f"{service}.dead_letter.list.v1", "__module__": __name__},
        ),
        show=type(
            "ShowDeadLetter",
            (ShowDeadLetterBase,),
            {"subject": f"{service}.dead_letter.show.v1", "__module__": __name__},
        ),
        replay=type(
            "ReplayDeadLetter",
            (ReplayDeadLetterBase,),
            {"subject": f"{service}.dead_letter.replay.v1", "__module__": __name__},
        ),
        discard=type(
            "DiscardDeadLetter",
            (DiscardDeadLetterBase,),
            {"subject": f"{service}.dead_letter.discard.v1", "__module__": __name__},
        ),
    )
