"""The WHMCS side of an order: its evidence, and the three buttons for one that is unclear."""

import click

from portal_contracts.whmcs_orders import (
    CancelWhmcsOrder,
    LinkWhmcsOrder,
    ReadWhmcsOrder,
    RetryWhmcsOrder,
    WhmcsOrderFile,
)
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out
from portal_operator.provisioning_commands import ORDER, journal


@click.group("whmcs-order")
def whmcs_order() -> None:
    """The WHMCS side of an order."""


@whmcs_order.command("show")
@ORDER
@click.pass_context
def show_whmcs_order(context: click.Context, order_id: str) -> None:
    """Show the evidence: what was wanted, decided and sent, and what WHMCS has now."""
    found = context.obj.ask(ReadWhmcsOrder(order_id=order_id))
    if as_json(context):
        output.as_json(found)
        return
    click.echo(f"Client {found.whmcs_client_id}: wants {found.goal}, is {found.phase}, problem {found.code or 'none'}")
    _orders(found)
    click.echo()
    journal(found.journal)


def _orders(found: WhmcsOrderFile) -> None:
    if found.found is None:
        click.echo("WHMCS does not answer: what it has is not known now.")
        return
    rows = [(one.whmcs_order_id, one.state, one.verdict, f"{one.amount} yen", one.invoice_id) for one in found.found]
    output.table(("ORDER", "STATE", "VERDICT", "AMOUNT", "INVOICE"), rows, empty="WHMCS has no order with the marker.")


@whmcs_order.command("link")
@ORDER
@click.argument("whmcs_order_id", type=click.IntRange(min=1))
@acting
def link(context: click.Context, wish: Wish, order_id: str, whmcs_order_id: int) -> None:
    """Take an order that exists in WHMCS as the one of this order."""
    carry_out(context, LinkWhmcsOrder(order_id=order_id, whmcs_order_id=whmcs_order_id, **wish.fields()))


@whmcs_order.command("retry")
@ORDER
@acting
def retry_creation(context: click.Context, wish: Wish, order_id: str) -> None:
    """Allow creation once more, after another search."""
    carry_out(context, RetryWhmcsOrder(order_id=order_id, **wish.fields()))


@whmcs_order.command("cancel")
@ORDER
@acting
def cancel_reservation(context: click.Context, wish: Wish, order_id: str) -> None:
    """Give the reservation up: every Pending order with the marker is cancelled."""
    carry_out(context, CancelWhmcsOrder(order_id=order_id, **wish.fields()))
