"""Identity's processes that somebody of ours has to look at (D13): sign-up, linking, profile and the others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from portal_contracts.message import Message, Request
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission

ProcessKind = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z_]+$")]
ProcessKey = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class AccountProcess(Message):
    """One process that stands, or keeps failing. Nothing in it names a person."""

    kind: ProcessKind = Field(examples=["signup"])
    process_key: ProcessKey
    status: Literal["waiting", "blocked", "needs_human"]
    step: str
    code: str | None = Field(default=None, description="Its page is docs/runbook/problems/<code>.md")
    facts: Mapping[str, str] = Field(default_factory=dict, description="What the code's text for staff is about")
    account_id: str = Field(default="", description="Salesforce account, where it is known by then")
    failures: int = Field(default=0, description="Tries in a row that did not end well")
    started_at: datetime
    due_at: datetime | None = Field(default=None, description="When it looks again by itself; None: it does not")


class AccountProcessList(Message):
    """The longest standing first."""

    processes: Sequence[AccountProcess]


class ListAccountProcesses(OperatorQuery[AccountProcessList]):
    """List identity's processes that need a human, are blocked, or failed when they were tried last."""

    subject: ClassVar[str] = "identity.process.list.v1"
    permission: ClassVar[Permission] = "provisioning.read"
    limit: int = Field(default=100, ge=1, le=1000)


class RetryAccountProcess(OperatorCommand[OperatorOutcome]):
    """Have an unfinished process try its step again now. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "identity.process.retry.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    kind: ProcessKind = Field(examples=["signup"])
    process_key: ProcessKey


ASKED_BY_OPERATORS: Final[tuple[type[Request[Any]], ...]] = (ListAccountProcesses, RetryAccountProcess)
