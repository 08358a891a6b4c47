"""The doctor: whether everything is set up that the portal needs at its vendors and of itself (R298-R302, D07)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import click

from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater
from portal_contracts.setup_checks import CHECKED, SetupCheck, SetupReport, check_setup
from portal_operator import output
from portal_operator.acting import as_json
from portal_operator.operator_bus import Portal

LAUNCH: Final = ("catalog", "billing", "fulfillment")
"""Who has a part in a product's launch: catalog first, because it tells the others what the product is."""
FEW: Final = 3
"""More lines than this that could not be asked for one reason are counted, not printed."""
_MARKS: Final = {"passed": "ok  ", "failed": "FAIL", "unknown": "?   "}
_FIX: Final = "Start the service, or look at its log: `make status`, `make logs`."
_KEYS_FIX: Final = (
    "PORTAL_ACTOR_PUBLIC_KEYS_PATH must name the public half of identity's PORTAL_ACTOR_PRIVATE_KEY_PATH."
)


@click.command("doctor")
@click.option("--product", "sku", default="", help="Look at this product's launch instead, by StockKeepingUnit.")
@click.option("--all", "everything", is_flag=True, help="Print lines that passed, too.")
@click.pass_context
def doctor(context: click.Context, sku: str, *, everything: bool) -> None:
    """Check what must be set up at Salesforce, WHMCS, Freebit and the mail provider.

    Each line that failed has its fix below it. A line with ? could not be asked. Exit code 1 when a line failed.
    """
    found: list[SetupCheck] = []
    for service, checks in _launch(context.obj, sku) if sku else _whole(context.obj):
        found += checks
        if not as_json(context):
            _print(service, checks, everything=everything or bool(sku))
    if as_json(context):
        output.as_json(SetupReport(checks=found))
    else:
        _sum_up(found)
    if any(check.result == "failed" for check in found):
        context.exit(output.EXIT_REFUSED)


def _whole(portal: Portal) -> Iterator[tuple[str, Sequence[SetupCheck]]]:
    for service in CHECKED:
        report = _asked(portal, service)
        yield service, [_answers(service), *report.checks] if isinstance(report, SetupReport) else [report]


def _launch(portal: Portal, sku: str) -> Iterator[tuple[str, Sequence[SetupCheck]]]:
    category, whmcs_product_id = "", 0
    for service in LAUNCH:
        report = _asked(portal, service, sku, category, whmcs_product_id)
        if not isinstance(report, SetupReport):
            yield service, [report]
            continue
        category, whmcs_product_id = report.category or category, report.whmcs_product_id or whmcs_product_id
        yield service, report.checks


def _asked(
    portal: Portal, service: str, sku: str = "", category: str = "", whmcs_product_id: int = 0
) -> SetupReport | SetupCheck:
    """Give a service's report, or the line that says why there is none. Refusals of the operator are raised."""
    message = check_setup(service)(sku=sku, category=category, whmcs_product_id=whmcs_product_id)
    try:
        return portal.ask(message)
    except Refused:
        raise
    except PortalProblem as problem:
        wrong = isinstance(problem, Misconfigured)
        fix = _KEYS_FIX if problem.code == "ACTOR_REFUSED" else _FIX
        result = "failed" if wrong or not isinstance(problem, TryLater) else "unknown"
        return _answers(service).model_copy(update={"result": result, "detail": str(problem), "fix": fix})


def _answers(service: str) -> SetupCheck:
    """Give the line of a service that answers: it took our token, so it knows identity's signing key."""
    what = f"{service} answers, and knows the key identity signs with."
    return SetupCheck(id=f"portal.{service}", what=what, result="passed", detail="", fix=_FIX)


def _print(service: str, checks: Sequence[SetupCheck], *, everything: bool) -> None:
    passed = sum(check.result == "passed" for check in checks)
    if checks:
        click.echo(f"{service}: {passed} of {len(checks)} passed")
    reasons = Counter(check.detail for check in checks if check.result == "unknown")
    many = {} if everything else {reason: number for reason, number in reasons.items() if number > FEW}
    for check in checks:
        if (check.result == "passed" and not everything) or (check.result == "unknown" and check.detail in many):
            continue
        click.echo(f"  {_MARKS[check.result]} {check.id}: {check.what}")
        if check.detail:
            click.echo(f"         {check.detail}")
        if check.result == "failed":
            click.echo(f"         fix: {check.fix}")
    for reason, number in many.items():
        click.echo(f"  {_MARKS['unknown']} {number} lines could not be asked (--all names them): {reason}")


def _sum_up(found: Sequence[SetupCheck]) -> None:
    failed, unknown = (sum(check.result == result for check in found) for result in ("failed", "unknown"))
    if failed:
        click.echo(f"{failed} of {len(found)} failed.")
    elif unknown:
        click.echo(f"Nothing failed; {unknown} of {len(found)} could not be asked.")
    else:
        click.echo(f"All {len(found)} passed.")
