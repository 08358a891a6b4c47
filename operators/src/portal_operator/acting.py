"""What commands that change something have in common: a reason, a dry run unless told otherwise, a request id."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

import click

from portal_contracts.operators import OperatorCommand, OperatorOutcome
from portal_operator import output
from portal_operator.operator_bus import Portal

P = ParamSpec("P")
AS_JSON: Final = "portal_operator.as_json"


@dataclass(frozen=True, slots=True)
class Wish:
    """How an operator wants something done."""

    reason: str
    dry_run: bool
    request_id: str

    def fields(self) -> dict[str, Any]:
        """Give the fields every operator command has."""
        return {"reason": self.reason, "dry_run": self.dry_run, "request_id": self.request_id}


def acting(command: Callable[Concatenate[click.Context, Wish, P], None]) -> Callable[..., None]:
    """Give a command the options --reason, --do and --request-id."""

    @click.option("--reason", required=True, help="Why; kept in the list of operator actions.")
    @click.option("--do", "carry_out", is_flag=True, help="Do it. Without this you see what would be done.")
    @click.option("--request-id", default=None, help="The id of an earlier try: the same id never acts twice.")
    @click.pass_context
    @wraps(command)
    def with_options(context: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> None:
        wish = Wish(
            reason=str(kwargs.pop("reason")),
            dry_run=not kwargs.pop("carry_out"),
            request_id=str(kwargs.pop("request_id") or f"operator-{uuid.uuid4()}"),
        )
        command(context, wish, *args, **kwargs)

    return with_options


def carry_out(context: click.Context, message: OperatorCommand[Any]) -> Any:
    """Send an order and print what it did; gives the answer."""
    portal: Portal = context.obj
    reply = portal.ask(message)
    if as_json(context):
        output.as_json(reply)
    elif isinstance(reply, OperatorOutcome):
        output.outcome(reply, message.request_id)
    return reply


def as_json(context: click.Context) -> bool:
    """Tell whether --json was given."""
    return bool(context.meta.get(AS_JSON))
