"""What a command prints: tables and lines for people, or the answer as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from portal_contracts.message import Message
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import PortalProblem, Refused, TryLater, customer_text, staff_text

TOKYO: Final = ZoneInfo("Asia/Tokyo")
EXIT_REFUSED: Final = 1
EXIT_WRONG_USE: Final = 2
EXIT_TRY_LATER: Final = 3
EXIT_SIGN_IN: Final = 4
_SIGN_IN: Final = frozenset({"SESSION_REQUIRED", "SESSION_EXPIRED"})


def as_json(reply: Message) -> None:
    """Print an answer as the bus has it."""
    click.echo(reply.model_dump_json(indent=2))


def moment(at: datetime | None) -> str:
    """Give a time as people here read it."""
    return "-" if at is None else at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M:%S")


def facts_line(facts: Mapping[str, Any]) -> str:
    """Give facts in one line."""
    return " ".join(f"{name}={value}" for name, value in facts.items())


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print columns as wide as they need to be, or one line that says there is nothing."""
    if not rows:
        click.echo(empty)
        return
    texts = [["-" if cell is None or cell == "" else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(headings), *texts]) for column in range(len(headings))]
    for line in [list(headings), *texts]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def outcome(reply: OperatorOutcome, request_id: str) -> None:
    """Print what an order of the operator did or would do."""
    if not reply.changes:
        click.echo("Nothing is to be done.")
        return
    click.echo("Done:" if reply.carried_out else "This would be done:")
    for change in reply.changes:
        click.echo(f"  - {change}")
    if not reply.carried_out:
        click.echo("Nothing was changed. Add --do to do it.")
    else:
        click.echo(f"Request id: {request_id}")


def wrong_arguments(error: ValidationError) -> int:
    """Print which arguments a message does not take, and give the exit code."""
    for wrong in error.errors():
        name = ".".join(str(part) for part in wrong["loc"])
        click.echo(f"{to_snake(name).replace('_', ' ')}: {wrong['msg']}", err=True)
    return EXIT_WRONG_USE


def problem(error: PortalProblem) -> int:
    """Print why something was refused and give the exit code."""
    click.echo(f"{error.code}: {customer_text(error.code, 'en', error.facts)}", err=True)
    click.echo(f"  {staff_text(error.code, error.facts)}", err=True)
    for field in error.fields:
        click.echo(f"  {field.field}: {field.code}", err=True)
    if error.code in _SIGN_IN:
        click.echo("  Sign in with: portal-operator sign-in", err=True)
        return EXIT_SIGN_IN
    if isinstance(error, TryLater):
        click.echo("  Nothing is lost: try again. The same --request-id never acts twice.", err=True)
        return EXIT_TRY_LATER
    return EXIT_REFUSED if isinstance(error, Refused) else EXIT_WRONG_USE
