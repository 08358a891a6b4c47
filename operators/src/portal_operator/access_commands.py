"""Signing in, and who else may."""

import uuid
from typing import get_args

import click

from portal_contracts.operator_access import (
    BeginOperatorEnrolment,
    FinishOperatorEnrolment,
    GrantOperator,
    ListOperators,
    OpenOperatorSession,
    RevokeOperator,
)
from portal_contracts.operators import Role, list_operator_actions
from portal_operator import output
from portal_operator.acting import Wish, acting, as_json, carry_out
from portal_operator.dead_letter_commands import WITH_DATABASE
from portal_operator.operator_bus import Portal

HERE = "command line"
_ROLES = get_args(Role)


@click.command("sign-in")
@click.option("--email", prompt="E-mail")
@click.password_option("--password", confirmation_prompt=False, help="Asked for when it is not given.")
@click.option("--code", prompt="Six digits of your authenticator app", help="A code works once.")
@click.pass_obj
def sign_in(portal: Portal, email: str, password: str, code: str) -> None:
    """Open a session: half an hour without a command ends it, twelve hours in any case."""
    opened = portal.ask(
        OpenOperatorSession(
            request_id=f"operator-{uuid.uuid4()}", email=email, password=password, code=code, client_address=HERE
        )
    )
    portal.session.write(opened.session_token)
    click.echo(f"Signed in until {output.moment(opened.expires_at)} at the latest.")


@click.command("sign-out")
@click.pass_obj
def sign_out(portal: Portal) -> None:
    """Forget the session on this machine. It ends by itself after half an hour."""
    portal.session.forget()
    click.echo("Signed out.")


@click.command()
@click.argument("token")
@click.pass_obj
def enrol(portal: Portal, token: str) -> None:
    """Set up your access with the token you were handed: second factor first, then your password."""
    begun = portal.ask(BeginOperatorEnrolment(token=token))
    click.echo(f"Add this to your authenticator app, as a key or as a QR code:\n  {begun.secret}\n  {begun.uri}")
    password: str = click.prompt("New password (15 characters or more)", hide_input=True, confirmation_prompt=True)
    code: str = click.prompt("Six digits of your authenticator app")
    opened = portal.ask(FinishOperatorEnrolment(token=token, password=password, code=code))
    portal.session.write(opened.session_token)
    click.echo(f"Welcome, {begun.email}. You are signed in.")


@click.group()
def operators() -> None:
    """Who has access (R276, R277)."""


@operators.command("list")
@click.pass_context
def list_operators(context: click.Context) -> None:
    """List everybody who has or had access."""
    found = context.obj.ask(ListOperators())
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (one.email, ", ".join(one.roles), one.approved_by, output.moment(one.granted_at), output.moment(one.revoked_at))
        for one in found.operators
    ]
    output.table(("E-MAIL", "ROLES", "APPROVED BY", "SINCE", "ENDED"), rows, empty="Nobody has access.")


@operators.command("grant")
@click.argument("email")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES))
@click.option("--approved-by", required=True, help="E-mail of the operator who approved it; not the new one.")
@acting
def grant_operator(context: click.Context, wish: Wish, email: str, roles: tuple[Role, ...], approved_by: str) -> None:
    """Give somebody access or other roles."""
    reply = carry_out(context, GrantOperator(email=email, roles=roles, approved_by=approved_by, **wish.fields()))
    if reply.enrolment_token and not as_json(context):
        click.echo(f"Hand this over in person; it works once, for 24 hours:\n  {reply.enrolment_token}")


@operators.command("revoke")
@click.argument("email")
@acting
def revoke_operator(context: click.Context, wish: Wish, email: str) -> None:
    """Take somebody's access and end their sessions."""
    carry_out(context, RevokeOperator(email=email, **wish.fields()))


@click.command()
@click.argument("service", type=click.Choice(WITH_DATABASE))
@click.option("--target", default="", help="Only what was done to this order, dead letter or operator.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.pass_context
def actions(context: click.Context, service: str, target: str, limit: int) -> None:
    """List what operators did at a service, the newest first."""
    found = context.obj.ask(list_operator_actions(service)(target=target, limit=limit))
    if as_json(context):
        output.as_json(found)
        return
    rows = [
        (output.moment(one.at), one.operator, one.action, one.target, "yes" if one.carried_out else "no", one.result)
        for one in found.actions
    ]
    output.table(("AT", "OPERATOR", "ACTION", "TARGET", "DONE", "RESULT"), rows, empty="Nothing was done here.")
