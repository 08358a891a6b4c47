"""Lines in service: changes nobody can tell the end of, ends that stand, and lines from before the portal."""

import click

from portal_contracts.sim_lines import AdoptLine, CloseLineChange, CloseLineEnding, ListStandingLineChanges
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out


@click.group("line-changes")
def line_changes() -> None:
    """Look after what customers change about their lines."""


@line_changes.command("list")
@click.option("--unclear", "only_unclear", is_flag=True, help="Only those that wait for a person.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@click.pass_context
def standing(context: click.Context, limit: int, *, only_unclear: bool) -> None:
    """List changes that are not over, and those whose charge is parked, the oldest first."""
    found = context.obj.ask(ListStandingLineChanges(only_unclear=only_unclear, limit=limit))
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (one.change_id, one.state, one.code or "", one.kind, one.line, one.order_id, output.moment(one.asked_at))
        for one in found.changes
    ]
    output.table(("CHANGE", "STATE", "CODE", "KIND", "LINE", "ORDER", "ASKED AT"), rows, empty="No change stands.")


@line_changes.command()
@click.argument("change_id")
@click.option("--happened/--did-not-happen", required=True, help="What the operator's system shows.")
@acting
def close(context: click.Context, wish: Wish, change_id: str, *, happened: bool) -> None:
    """Say how an unclear change ended, after looking it up at Freebit: the line is free again."""
    carry_out(context, CloseLineChange(change_id=change_id, happened=happened, **wish.fields()))


@click.group()
def lines() -> None:
    """Take over lines from before the portal, and let go of lines that ended elsewhere."""


@lines.command()
@click.argument("order_id")
@click.argument("number")
@click.option(
    "--service", "service_id", required=True, type=click.IntRange(1), help="The WHMCS service it is billed as."
)
@acting
def adopt(context: click.Context, wish: Wish, order_id: str, number: str, service_id: int) -> None:
    """Give the customer of an order its line from before the portal, when Freebit, WHMCS and Salesforce agree."""
    carry_out(context, AdoptLine(order_id=order_id, line=number, service_id=service_id, **wish.fields()))


@lines.command()
@click.argument("cancellation_id")
@acting
def ended(context: click.Context, wish: Wish, cancellation_id: str) -> None:
    """Say that the line of a cancelled service ended elsewhere; its cancellation goes on."""
    carry_out(context, CloseLineEnding(cancellation_id=cancellation_id, **wish.fields()))
