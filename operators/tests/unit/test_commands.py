import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal_contracts.documents import sample_of
from portal_contracts.identity import OpenedSession
from portal_contracts.message import Command, reply_type
from portal_contracts.operator_access import OpenOperatorSession
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_contracts.topology import OPERATOR
from portal_operator.command_line import cli
from portal_operator.session_file import SessionFile

ORDER = "801000000000001AAA"
SERVICE = "fulfillment"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class FakePortal:
    """Answers with the samples of the contracts and keeps what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.session = SessionFile(folder / "session")
        self.asked: list[Any] = []
        self.refuses: PortalProblem | None = None

    def ask(self, message: Any) -> Any:
        self.asked.append(message)
        if self.refuses is not None:
            raise self.refuses
        if isinstance(message, OpenOperatorSession):
            return OpenedSession(
                session_token="example-token-0000000000000000",
                csrf_token="example-token-1111111111111111",
                user_id="operator-1",
                expires_at=NOW,
            )
        answer = reply_type(type(message)).model_validate(sample_of(type(message))["reply"])
        if isinstance(answer, OperatorOutcome):
            return answer.model_copy(update={"carried_out": not message.dry_run})
        return answer


@pytest.fixture
def portal(tmp_path: Path) -> FakePortal:
    return FakePortal(tmp_path / "kept")


def run(portal: FakePortal, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, arguments, obj=portal, input=typed)


READING = [
    ("list",),
    ("list", "--status", "blocked", "--code", "PAYMENT_METHOD_MISSING", "--minutes", "30", "--after", ORDER),
    ("show", ORDER),
    ("order", ORDER),
    ("whmcs-order", "show", ORDER),
    ("dead-letters", "list"),
    ("dead-letters", "show", SERVICE, "1"),
    ("drift", "list"),
    ("deletions",),
    ("account-processes", "list"),
    ("line-changes", "list"),
    ("line-changes", "list", "--unclear"),
    ("mails", "list"),
    ("mails", "list", "--account", "001000000000001AAA", "--order", ORDER, "--standing", "bounced", "--before", "9"),
    ("actions", SERVICE),
    ("operators", "list"),
    ("doctor",),
]
ACTING = [
    ("drift", "rebuild-orders"),
    ("retry", ORDER),
    ("cancel", ORDER),
    ("activate-now", ORDER),
    ("whmcs-order", "link", ORDER, "4711"),
    ("line-changes", "close", "0" * 32, "--happened"),
    ("lines", "adopt", ORDER, "070-0000-0001", "--service", "7001"),
    ("lines", "ended", "0" * 32),
    ("mails", "send-again", "welcome:001000000000001AAA"),
    ("catalog", "clear"),
    ("account-processes", "retry", "signup", "5d1f7c1e-0000-4000-8000-000000000001"),
    ("whmcs-order", "retry", ORDER),
    ("whmcs-order", "cancel", ORDER),
    ("dead-letters", "replay", SERVICE, "1"),
    ("dead-letters", "discard", SERVICE, "1"),
    ("drift", "compare"),
    ("drift", "repair", "price_mismatch-1"),
    ("operators", "grant", "new@example.jp", "--role", "operator_viewer", "--approved-by", "lead@example.jp"),
    ("operators", "revoke", "old@example.jp"),
]


@pytest.mark.parametrize("arguments", READING)
def test_every_question_prints_an_answer_for_people_and_as_json(portal: FakePortal, arguments: tuple[str, ...]) -> None:
    for_people, as_json = run(portal, *arguments), run(portal, "--json", *arguments)
    assert (for_people.exit_code, as_json.exit_code) == (0, 0)
    assert for_people.output.strip()
    assert as_json.output.startswith("{")


@pytest.mark.parametrize("arguments", ACTING)
def test_an_order_of_the_operator_is_a_dry_run_unless_told_otherwise(
    portal: FakePortal, arguments: tuple[str, ...]
) -> None:
    shown = run(portal, *arguments, "--reason", "a test")
    assert (shown.exit_code, portal.asked[-1].dry_run, portal.asked[-1].reason) == (0, True, "a test")
    assert "Nothing was changed. Add --do to do it." in shown.output
    done = run(portal, *arguments, "--reason", "a test", "--do")
    assert (done.exit_code, portal.asked[-1].dry_run) == (0, False)
    assert done.output.startswith("Done:")


@pytest.mark.parametrize("arguments", ACTING)
def test_a_repeat_with_the_same_request_id_says_so_to_the_service(
    portal: FakePortal, arguments: tuple[str, ...]
) -> None:
    run(portal, *arguments, "--reason", "a test", "--do", "--request-id", "operator-1234")
    assert portal.asked[-1].request_id == "operator-1234"


@pytest.mark.parametrize("arguments", ACTING)
def test_nothing_is_done_without_a_reason(portal: FakePortal, arguments: tuple[str, ...]) -> None:
    refused = run(portal, *arguments, "--do")
    assert refused.exit_code == 2
    assert "--reason" in refused.output
    assert portal.asked == []


def test_every_operator_message_has_a_command(portal: FakePortal) -> None:
    for arguments in READING:
        run(portal, *arguments)
    for arguments in ACTING:
        run(portal, *arguments, "--reason", "a test")
    reached = {type(message).__name__ for message in portal.asked}
    operating = {message.__name__ for message in OPERATOR.asks if message.audience == "operator"}
    assert operating <= reached


def test_two_orders_never_share_a_request_id(portal: FakePortal) -> None:
    for _ in range(2):
        run(portal, "retry", ORDER, "--reason", "a test", "--do")
    keys = {message.request_id for message in portal.asked if isinstance(message, Command)}
    assert len(keys) == 2


def test_a_short_order_id_is_made_long(portal: FakePortal) -> None:
    run(portal, "show", ORDER[:15])
    assert portal.asked[-1].order_id == ORDER


@pytest.mark.parametrize("wrong", ["12", "' OR Id != ''", "80100000000000"])
def test_a_wrong_order_id_is_said_before_anything_is_asked(portal: FakePortal, wrong: str) -> None:
    refused = run(portal, "show", wrong)
    assert refused.exit_code == 2
    assert "15 or 18 characters" in refused.output
    assert portal.asked == []


def test_signing_in_keeps_the_session_for_its_owner_alone(portal: FakePortal) -> None:
    signed_in = run(portal, "sign-in", "--email", "lead@example.jp", "--code", "000000", typed="a fake passphrase\n")
    assert signed_in.exit_code == 0
    assert portal.session.read() == "example-token-0000000000000000"
    assert stat.S_IMODE(portal.session.path.stat().st_mode) == 0o600
    assert "a fake passphrase" not in signed_in.output
    assert "example-token" not in signed_in.output
    assert run(portal, "sign-out").exit_code == 0
    assert portal.session.read() is None


@pytest.mark.parametrize(
    ("problem", "code", "says"),
    [
        (Refused("SESSION_EXPIRED"), 4, "portal-operator sign-in"),
        (Refused("OPERATOR_FORBIDDEN", facts={"permission": "provisioning.act"}), 1, "provisioning.act"),
        (TryLater("WHMCS_UNAVAILABLE"), 3, "try again"),
    ],
)
def test_a_problem_is_told_with_what_to_do(portal: FakePortal, problem: PortalProblem, code: int, says: str) -> None:
    portal.refuses = problem
    result = run(portal, "retry", ORDER, "--reason", "a test", "--do")
    assert result.exit_code == code
    assert says in result.output


def test_an_unclear_whmcs_is_shown_as_not_known_rather_than_as_nothing(portal: FakePortal) -> None:
    original = portal.ask
    portal.ask = lambda message: original(message).model_copy(update={"found": None})  # type: ignore[method-assign]
    assert "not known" in run(portal, "whmcs-order", "show", ORDER).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("retry", ORDER, "--reason", "a test", "--request-id", "short"), "request id: String should have at least 8"),
        (("retry", ORDER, "--reason", "x" * 501), "reason: Value should have at most 500"),
        (("operators", "revoke", "nobody", "--reason", "a test"), "email:"),
    ],
)
def test_an_argument_no_message_takes_is_named(portal: FakePortal, arguments: tuple[str, ...], says: str) -> None:
    refused = run(portal, *arguments)
    assert refused.exit_code == 2
    assert says in refused.output
    assert portal.asked == []
