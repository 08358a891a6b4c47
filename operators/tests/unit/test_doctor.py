from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater
from portal_contracts.setup_checks import CHECKED, SetupCheck, SetupReport, SetupResult
from portal_operator.command_line import cli


def line(result: SetupResult, name: str = "salesforce.flow") -> SetupCheck:
    return SetupCheck(id=name, what="A Flow is active.", result=result, detail="there is none", fix="Activate it.")


class Portal:
    """Answers for each service with lines or a problem; keeps what it was asked."""

    def __init__(self, **answers: SetupReport | PortalProblem) -> None:
        self.answers = answers
        self.asked: list[Any] = []

    def ask(self, message: Any) -> SetupReport:
        self.asked.append(message)
        answer = self.answers.get(message.subject.split(".")[0], SetupReport(checks=()))
        if isinstance(answer, PortalProblem):
            raise answer
        return answer


def run(portal: Portal, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=portal)


def test_every_service_that_answers_is_asked_and_nothing_wrong_is_exit_code_0() -> None:
    portal = Portal()
    done = run(portal, "doctor")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, f"All {len(CHECKED)} passed.")
    assert [message.subject for message in portal.asked] == [f"{service}.setup.check.v1" for service in CHECKED]


def test_a_line_that_failed_is_printed_with_its_fix_and_is_exit_code_1() -> None:
    found = run(Portal(changefeed=SetupReport(checks=[line("failed"), line("passed", "salesforce.login")])), "doctor")
    assert found.exit_code == 1
    assert "FAIL salesforce.flow: A Flow is active." in found.output
    assert "fix: Activate it." in found.output
    assert "salesforce.login" not in found.output
    assert "changefeed: 2 of 3 passed" in found.output


def test_all_prints_what_passed_too() -> None:
    shown = run(Portal(changefeed=SetupReport(checks=[line("passed")])), "doctor", "--all")
    assert (shown.exit_code, "ok   salesforce.flow" in shown.output) == (0, True)


def test_what_could_not_be_asked_is_said_and_is_no_failure() -> None:
    shown = run(Portal(changefeed=SetupReport(checks=[line("unknown")])), "doctor")
    assert (shown.exit_code, "?    salesforce.flow" in shown.output) == (0, True)
    assert f"Nothing failed; 1 of {len(CHECKED) + 1} could not be asked." in shown.output


def test_many_lines_that_one_closed_door_hides_are_counted_and_not_printed() -> None:
    hidden = [line("unknown", f"whmcs.product.{number}") for number in range(20)]
    shown = run(Portal(billing=SetupReport(checks=hidden)), "doctor")
    assert "20 lines could not be asked" in shown.output
    assert "whmcs.product.7" not in shown.output
    assert "whmcs.product.7" in run(Portal(billing=SetupReport(checks=hidden)), "doctor", "--all").output


@pytest.mark.parametrize(
    ("problem", "code", "text"),
    [
        (TryLater("SERVICE_UNAVAILABLE"), 0, "?    portal.billing"),
        (Misconfigured("ACTOR_REFUSED", facts={"reason": "no_keys"}), 1, "PORTAL_ACTOR_PUBLIC_KEYS_PATH"),
    ],
)
def test_a_service_that_does_not_answer_has_a_line_and_the_others_are_asked(
    problem: PortalProblem, code: int, text: str
) -> None:
    portal = Portal(billing=problem)
    shown = run(portal, "doctor")
    assert (shown.exit_code, text in shown.output) == (code, True)
    assert len(portal.asked) == len(CHECKED)


def test_an_operator_who_may_not_is_told_so() -> None:
    refused = run(Portal(identity=Refused("OPERATOR_FORBIDDEN", facts={"permission": "setup.read"})), "doctor")
    assert refused.exit_code == 1
    assert "OPERATOR_FORBIDDEN" in refused.output + refused.stderr


def test_a_launch_asks_catalog_first_and_tells_the_others_what_the_product_is() -> None:
    catalog = SetupReport(checks=[line("passed", "product.price")], category="sim", whmcs_product_id=201)
    portal = Portal(catalog=catalog, fulfillment=SetupReport(checks=[line("failed", "product.freebit_plan")]))
    shown = run(portal, "doctor", "--product", "SIM-NEW")
    assert shown.exit_code == 1
    asked = [(message.subject.split(".")[0], message.sku, message.category) for message in portal.asked]
    assert asked == [("catalog", "SIM-NEW", ""), ("billing", "SIM-NEW", "sim"), ("fulfillment", "SIM-NEW", "sim")]
    assert portal.asked[1].whmcs_product_id == 201
    assert "ok   product.price" in shown.output


def test_json_is_one_report_of_all_lines() -> None:
    shown = run(Portal(billing=SetupReport(checks=[line("failed")])), "--json", "doctor")
    found = SetupReport.model_validate_json(shown.output).checks
    assert (shown.exit_code, [check.id for check in found if check.result == "failed"]) == (1, ["salesforce.flow"])
