"""Deletions customers asked for, with the proof of what each system did (D17)."""

import click

from portal_contracts.identity_personal_data import DeletionRecord, ListDeletions
from portal_operator import output
from portal_operator.acting import as_json


@click.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.pass_context
def deletions(context: click.Context, limit: int) -> None:
    """List deletions of accounts, the newest wish first."""
    found = context.obj.ask(ListDeletions(limit=limit))
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (one.deletion_id, one.account_id, output.moment(one.requested_at), _standing(one), _proofs(one))
        for one in found.deletions
    ]
    output.table(("DELETION", "ACCOUNT", "ASKED", "STANDING", "SYSTEMS"), rows, empty="Nobody asked for a deletion.")


def _standing(deletion: DeletionRecord) -> str:
    if deletion.erased_at is not None:
        return f"erased {output.moment(deletion.erased_at)}"
    if deletion.withdrawn_at is not None:
        return "withdrawn"
    return f"due {output.moment(deletion.erase_at)}"


def _proofs(deletion: DeletionRecord) -> str:
    """Give each system with how it stands and why; nothing for a wish that was taken back."""
    if deletion.withdrawn_at is not None:
        return ""
    return "; ".join(
        f"{one.system} {one.state}: {one.reason}" if one.reason else f"{one.system} {one.state}"
        for one in deletion.systems
    )
