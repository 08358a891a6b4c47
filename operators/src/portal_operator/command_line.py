"""`portal-operator`: the commands, joined."""

from typing import Any

import click
from pydantic import ValidationError

from portal_contracts.problems import PortalProblem
from portal_operator import output
from portal_operator.access_commands import actions, enrol, operators, sign_in, sign_out
from portal_operator.account_process_commands import account_processes
from portal_operator.acting import AS_JSON
from portal_operator.catalog_commands import catalog
from portal_operator.dead_letter_commands import dead_letters
from portal_operator.deletion_commands import deletions
from portal_operator.doctor_commands import doctor
from portal_operator.drift_commands import drift
from portal_operator.line_change_commands import line_changes, lines
from portal_operator.mail_commands import mails
from portal_operator.operator_bus import BusAway, OperatorBus
from portal_operator.provisioning_commands import activate_now, cancel, order, processes, retry, show
from portal_operator.session_file import SessionFile
from portal_operator.settings import OperatorSettings
from portal_operator.whmcs_order_commands import whmcs_order


class PortalGroup(click.Group):
    """Turns the portal's problems into two lines and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except PortalProblem as error:
            ctx.exit(output.problem(error))
        except ValidationError as error:
            ctx.exit(output.wrong_arguments(error))
        except BusAway as error:
            click.echo(
                f"The bus at {error} does not let us in: check PORTAL_NATS_URL, PORTAL_NATS_SEED_PATH.", err=True
            )
            ctx.exit(output.EXIT_TRY_LATER)


def _keep_json(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    context.meta[AS_JSON] = value


@click.group(cls=PortalGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", is_flag=True, expose_value=False, callback=_keep_json, help="Print answers as JSON.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Look after orders of the customer portal.

    Every command that changes something shows what it would do; --do does it. Sign in first, with your password and
    a code from your authenticator app. Times are Japanese.

    Exit codes: 0 done, 1 refused, 2 wrong use or our set-up, 3 try again, 4 sign in.
    """
    if context.obj is None:
        settings = OperatorSettings()
        context.obj = OperatorBus(settings, SessionFile(settings.operator_session_path))


for command in (
    sign_in,
    sign_out,
    enrol,
    processes,
    show,
    order,
    retry,
    cancel,
    activate_now,
    whmcs_order,
    dead_letters,
    drift,
    catalog,
    line_changes,
    lines,
    mails,
    deletions,
    account_processes,
    doctor,
    actions,
    operators,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    cli(prog_name="portal-operator")
