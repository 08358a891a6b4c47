"""Dead letters: messages a service could not take (D13)."""

import click

from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.topology import SERVICES
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out

WITH_DATABASE = tuple(name for name, service in SERVICES.items() if service.database)
_SERVICE = click.argument("service", type=click.Choice(WITH_DATABASE))
_NUMBER = click.argument("number", type=int)


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages that a service could not take."""


@dead_letters.command("list")
@click.argument("service", type=click.Choice((*WITH_DATABASE, "all")), default="all")
@click.option("--state", type=click.Choice(("buried", "replayed", "discarded")), default="buried", show_default=True)
@click.pass_context
def list_dead_letters(context: click.Context, service: str, state: str) -> None:
    """List the dead letters of a service, or of all."""
    rows = []
    for name in WITH_DATABASE if service == "all" else (service,):
        found = context.obj.ask(dead_letter_messages(name).list(state=state))
        if as_json(context):
            output.as_json(found)
        rows += [
            (name, one.id, one.subject, one.delivered, output.moment(one.buried_at), one.problem)
            for one in found.dead_letters
        ]
    if not as_json(context):
        headings = ("SERVICE", "NUMBER", "SUBJECT", "DELIVERED", "SINCE", "PROBLEM")
        output.table(headings, rows, empty="There are no dead letters.")


@dead_letters.command("show")
@_SERVICE
@_NUMBER
@click.pass_context
def show_dead_letter(context: click.Context, service: str, number: int) -> None:
    """Show one with its payload; secrets and personal data are left out."""
    found = context.obj.ask(dead_letter_messages(service).show(id=number))
    if as_json(context):
        output.as_json(found)
        return
    letter = found.dead_letter
    click.echo(f"{letter.subject}  {letter.state}  delivered {letter.delivered} times")
    click.echo(f"Problem: {letter.problem}")
    for name, value in found.headers.items():
        click.echo(f"{name}: {value}")
    click.echo(found.payload)


@dead_letters.command("replay")
@_SERVICE
@_NUMBER
@acting
def replay_dead_letter(context: click.Context, wish: Wish, service: str, number: int) -> None:
    """Hand one to its consumer again."""
    carry_out(context, dead_letter_messages(service).replay(id=number, **wish.fields()))


@dead_letters.command("discard")
@_SERVICE
@_NUMBER
@acting
def discard_dead_letter(context: click.Context, wish: Wish, service: str, number: int) -> None:
    """Close one for good; it stays readable."""
    carry_out(context, dead_letter_messages(service).discard(id=number, **wish.fields()))
