"""Identity's processes that stand: sign-ups, linkings, changes of profile or address on their way to the vendors."""

import click

from portal_contracts.identity_processes import ListAccountProcesses, RetryAccountProcess
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out


@click.group("account-processes")
def account_processes() -> None:
    """Sign-ups, linkings and changes of accounts that need a human, are blocked or keep failing."""


@account_processes.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@click.pass_context
def list_account_processes(context: click.Context, limit: int) -> None:
    """List them, the longest standing first."""
    found = context.obj.ask(ListAccountProcesses(limit=limit))
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (
            one.kind,
            one.process_key,
            one.status,
            one.step,
            one.code,
            one.account_id,
            output.moment(one.started_at),
            output.facts_line(one.facts),
        )
        for one in found.processes
    ]
    headings = ("KIND", "KEY", "STATUS", "STEP", "CODE", "ACCOUNT", "SINCE", "FACTS")
    output.table(headings, rows, empty="No process of an account stands.")


@account_processes.command("retry")
@click.argument("kind")
@click.argument("key")
@acting
def retry_account_process(context: click.Context, wish: Wish, kind: str, key: str) -> None:
    """Have one try its step again now, after what stood in its way was mended."""
    carry_out(context, RetryAccountProcess(kind=kind, process_key=key, **wish.fields()))
