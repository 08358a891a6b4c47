"""Operators: what they may do, and what every message of theirs has (requirements R276, D13, D19).

An operator message needs a `Portal-Actor` token whose roles grant its permission; whether the gateway or the command
line sent it makes no difference. A command shows what it would do unless `dry_run` is false, does it once for each
`request_id`, and leaves a row in the owner's append-only table of operator actions.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, TypeVar

from pydantic import Field, StringConstraints

from portal_contracts.identity import RequestId
from portal_contracts.message import Audience, Command, Message, Query
from portal_contracts.values import LongText

Reply_co = TypeVar("Reply_co", bound=Message, covariant=True)

Permission = Literal[
    "provisioning.read",
    "provisioning.act",
    "billing_order.act",
    "dead_letter.read",
    "dead_letter.act",
    "drift.read",
    "drift.act",
    "action.read",
    "operator.manage",
    "setup.read",
    "mail.read",
    "mail.act",
    "catalog.act",
]
Role = Literal["operator_viewer", "operator_support", "operator_devops", "operator_tech_lead"]

_READING: Final[tuple[Permission, ...]] = (
    "provisioning.read",
    "dead_letter.read",
    "drift.read",
    "setup.read",
    "mail.read",
)
ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    "operator_viewer": frozenset(_READING),
    "operator_support": frozenset((*_READING, "provisioning.act", "mail.act", "catalog.act")),
    "operator_devops": frozenset(
        (
            *_READING,
            "provisioning.act",
            "billing_order.act",
            "dead_letter.act",
            "drift.act",
            "action.read",
            "mail.act",
            "catalog.act",
        )
    ),
    "operator_tech_lead": frozenset(
        (
            *_READING,
            "provisioning.act",
            "billing_order.act",
            "dead_letter.act",
            "drift.act",
            "action.read",
            "mail.act",
            "catalog.act",
            "operator.manage",
        )
    ),
}
"""What each role may do. DevOps works, the tech lead also approves and hands out access (R276)."""


def permissions_of(roles: Sequence[str]) -> frozenset[str]:
    """Give what a token's roles allow together; roles of customers and unknown ones allow nothing."""
    return frozenset().union(*(granted for role, granted in ROLES.items() if role in roles))


class OperatorQuery(Query[Reply_co], Generic[Reply_co]):
    """A question only an operator with the class's permission may ask."""

    audience: ClassVar[Audience] = "operator"
    permission: ClassVar[Permission]


class OperatorCommand(Command[Reply_co], Generic[Reply_co]):
    """An order only an operator with the class's permission may give. Shows what it would do unless told to do it."""

    audience: ClassVar[Audience] = "operator"
    permission: ClassVar[Permission]
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    dry_run: bool = Field(default=True, description="Say what would be done and do nothing")
    reason: Annotated[LongText, StringConstraints(max_length=500)] = Field(
        description="Why, for the list of operator actions", examples=["The customer called"]
    )


class OperatorOutcome(Message):
    """What an operator command changed, or would change."""

    carried_out: bool
    changes: Sequence[str] = Field(description="One plain English sentence for each change; empty when there is none")


class OperatorAction(Message):
    """One thing an operator did or tried (D13): never changed, never deleted."""

    id: int
    at: datetime
    operator: str = Field(description="The operator's e-mail address")
    action: str = Field(description="Subject of the command")
    target: str = Field(description="What it was done to: an order id, a dead letter's number, an operator's address")
    reason: str
    carried_out: bool = Field(description="False for a dry run and for a refusal")
    result: str = Field(description="The changes, or the code of the problem it was refused with")


class OperatorActionList(Message):
    """The newest actions first."""

    actions: Sequence[OperatorAction]


class ListOperatorActionsBase(OperatorQuery[OperatorActionList]):
    """List what operators did at a service, the newest first, optionally to one target."""

    permission: ClassVar[Permission] = "action.read"
    target: Annotated[str, StringConstraints(max_length=200)] = ""
    before_id: int | None = Field(default=None, description="Only actions older than this one")
    limit: int = Field(default=100, ge=1, le=1000)


@cache
def list_operator_actions(service: str) -> type[ListOperatorActionsBase]:
    """Give a service's request class, `<service>.operator_action.list.v1`."""
    body: dict[str, Any] = {"subject": f"{service}.operator_action.list.v1", "__module__": __name__}
    return type("ListOperatorActions", (ListOperatorActionsBase,), body)
