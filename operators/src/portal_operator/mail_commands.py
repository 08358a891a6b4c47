"""Mails: what became of each, and sending one once more."""

from typing import get_args

import click

from portal_contracts.notifications import ListMails, MailStanding, SendMailAgain
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out


@click.group()
def mails() -> None:
    """Mails and what became of each; no address and no content is kept."""


@mails.command("list")
@click.option("--account", "account_id", default=None, help="Of one customer: the Salesforce account id.")
@click.option("--order", "order_id", default=None, help="About one order: the Salesforce order id.")
@click.option("--standing", type=click.Choice(get_args(MailStanding)), default=None)
@click.option("--before", "before_id", type=int, default=None, help="Only mails older than this number.")
@click.pass_context
def list_mails(
    context: click.Context,
    account_id: str | None,
    order_id: str | None,
    standing: MailStanding | None,
    before_id: int | None,
) -> None:
    """List mails, the newest first."""
    found = context.obj.ask(ListMails(account_id=account_id, order_id=order_id, standing=standing, before_id=before_id))
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (one.id, output.moment(one.caused_at), one.standing, one.mail_id, one.code or one.report) for one in found.mails
    ]
    output.table(("NO", "CAUSED", "STANDING", "MAIL", "WHY"), rows, empty="No such mail.")


@mails.command("send-again")
@click.argument("mail_id")
@acting
def send_again(context: click.Context, wish: Wish, mail_id: str) -> None:
    """Send a mail once more that is unclear, came back or was not sent."""
    carry_out(context, SendMailAgain(mail_id=mail_id, **wish.fields()))
