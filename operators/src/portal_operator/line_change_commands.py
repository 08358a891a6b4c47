"""Changes of lines in service that nobody can tell the end of: what stands, and how it ended."""

import click

from portal_contracts.sim_lines import CloseLineChange, ListStandingLineChanges
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
