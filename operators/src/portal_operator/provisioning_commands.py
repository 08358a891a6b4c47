"""Provisioning: which orders stand where, why, and what an operator can do about it."""

from collections.abc import Sequence
from typing import Any, get_args

import click

from portal_contracts.provisioning import (
    ActivateNow,
    CancelProvisioning,
    JournalEntry,
    ListProvisioning,
    ProcessStatus,
    ProvisioningFile,
    ReadProvisioning,
    RetryProvisioning,
)
from portal_contracts.provisioning_requests import ReadOrderFile, StaffTimelineEntry
from portal_contracts.values import long_salesforce_id
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out

MINUTE = 60


def _order_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return long_salesforce_id(value)
    except ValueError:
        raise click.BadParameter("a Salesforce order id has 15 or 18 characters and begins with 801") from None


ORDER = click.argument("order_id", callback=_order_id)


@click.command("list")
@click.option("--status", type=click.Choice(get_args(ProcessStatus)), default=None)
@click.option("--code", default=None, help="Problem code, e.g. WHMCS_ORDER_UNCLEAR.")
@click.option("--minutes", type=click.IntRange(min=0), default=None, help="Only what stands longer than this.")
@click.option("--after", "after_order_id", default=None, help="Go on after this order id.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@click.pass_context
def processes(context: click.Context, /, minutes: int | None, **wanted: Any) -> None:
    """List orders being provisioned, the longest standing first."""
    seconds = None if minutes is None else minutes * MINUTE
    found = context.obj.ask(ListProvisioning(standing_longer_than_seconds=seconds, **wanted))
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (one.order_id, one.status, one.step, one.code, one.owner, output.moment(one.standing_since), one.because)
        for one in found.processes
    ]
    output.table(("ORDER", "STATUS", "STEP", "CODE", "WHO ACTS", "SINCE", "BECAUSE"), rows, empty="No order is here.")
    click.echo(output.facts_line(found.totals))
    if found.more:
        click.echo(f"There are more: --after {found.processes[-1].order_id}")


@click.command()
@ORDER
@click.pass_context
def show(context: click.Context, order_id: str) -> None:
    """Show one process: how it stands, its attempts, its signals and its journal with the evidence."""
    found = context.obj.ask(ReadProvisioning(order_id=order_id))
    if as_json(context):
        output.as_json(found)
        return
    _summary(found)
    rows = [(one.attempt, one.state, one.stage, one.code, one.source, one.requested_by) for one in found.attempts]
    output.table(("ATTEMPT", "STATE", "STAGE", "CODE", "SOURCE", "BY"), rows, empty="")
    click.echo()
    signals = [(output.moment(one.seen_at), one.source, one.verdict, one.request_id) for one in found.signals]
    output.table(("SIGNAL AT", "SOURCE", "DID", "REQUEST"), signals, empty="No signal was kept.")
    click.echo()
    journal(found.journal)


def _summary(found: ProvisioningFile) -> None:
    one = found.summary
    click.echo(f"{one.order_id}  {one.status} at {one.step}  {one.code or ''}  {one.because}".rstrip())
    click.echo(f"Who acts: {one.owner}; looks again {output.moment(one.due_at)}; trace {found.trace_id or '-'}")
    if found.scheduled_at is not None:
        click.echo(f"Scheduled for {output.moment(found.scheduled_at)}")
    if found.facts:
        click.echo(output.facts_line(found.facts))
    click.echo()


def journal(entries: Sequence[JournalEntry]) -> None:
    """Print a process's outside calls."""
    rows = [
        (output.moment(one.at), one.step, one.call, one.state, one.external_id, output.facts_line(one.evidence))
        for one in entries
    ]
    output.table(("AT", "STEP", "CALL", "STATE", "ID", "EVIDENCE"), rows, empty="Nothing was sent yet.")


@click.command()
@ORDER
@click.pass_context
def order(context: click.Context, order_id: str) -> None:
    """Show an order's timeline as staff see it."""
    found = context.obj.ask(ReadOrderFile(order_id=order_id))
    if as_json(context):
        output.as_json(found)
        return
    click.echo(f"Order {found.order_number}: {found.state}, {found.activation}  {found.error_text or ''}".rstrip())
    rows = [
        (output.moment(one.at), one.kind, one.actor, one.who_acts.owner, one.text.en, _details(one))
        for one in found.timeline
    ]
    output.table(("AT", "WHAT", "BY", "WHO ACTS", "TEXT", "DETAILS"), rows, empty="Nothing happened yet.")


def _details(entry: StaffTimelineEntry) -> str:
    facts = {"code": entry.code, "source": entry.source, "requestedBy": entry.requested_by, "trace": entry.trace_id}
    return output.facts_line({**{name: value for name, value in facts.items() if value}, **entry.facts})


@click.command()
@ORDER
@acting
def retry(context: click.Context, wish: Wish, order_id: str) -> None:
    """Look at an order again now; after a failure this opens another attempt."""
    carry_out(context, RetryProvisioning(order_id=order_id, **wish.fields()))


@click.command()
@ORDER
@acting
def cancel(context: click.Context, wish: Wish, order_id: str) -> None:
    """End an attempt before its line is active; what was reserved is released."""
    carry_out(context, CancelProvisioning(order_id=order_id, **wish.fields()))


@click.command("activate-now")
@ORDER
@acting
def activate_now(context: click.Context, wish: Wish, order_id: str) -> None:
    """Start a scheduled order before its time."""
    carry_out(context, ActivateNow(order_id=order_id, **wish.fields()))
