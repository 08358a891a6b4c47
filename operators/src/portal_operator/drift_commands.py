"""Differences between Salesforce, WHMCS and Freebit (D14)."""

from typing import get_args

import click

from portal_contracts.drift import CompareSystems, DriftKind, ListDrift, RepairDrift
from portal_contracts.orders_rebuild import RebuildOrders
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out


@click.group()
def drift() -> None:
    """Differences between the systems: compared every night and on demand."""


@drift.command("list")
@click.option("--kind", type=click.Choice(get_args(DriftKind)), default=None)
@click.pass_context
def list_drift(context: click.Context, kind: DriftKind | None) -> None:
    """List the open differences with the repair proposed for each."""
    found = context.obj.ask(ListDrift(kind=kind))
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (one.id, one.kind, one.order_id or one.whmcs_client_id, output.facts_line(one.facts), one.repair)
        for one in found.drifts
    ]
    output.table(("ID", "KIND", "OF", "FACTS", "REPAIR"), rows, empty="The systems agree.")
    ended = output.moment(found.compared_at)
    click.echo(f"Last compared: {ended}{' (a comparison is running)' if found.running else ''}")


@drift.command("compare")
@acting
def compare(context: click.Context, wish: Wish) -> None:
    """Compare now instead of tonight."""
    carry_out(context, CompareSystems(**wish.fields()))


@drift.command("repair")
@click.argument("drift_id")
@acting
def repair(context: click.Context, wish: Wish, drift_id: str) -> None:
    """Do the repair proposed for a difference, after both systems were read again."""
    carry_out(context, RepairDrift(drift_id=drift_id, **wish.fields()))


@drift.command("rebuild-orders")
@acting
def rebuild_orders(context: click.Context, wish: Wish) -> None:
    """Read every order again from Salesforce into the portal's own rows."""
    carry_out(context, RebuildOrders(**wish.fields()))
