"""Nothing secret or personal gets into a log line, whatever it is called and however deep it sits (D13)."""

import json
import logging

import pytest
import structlog
from pydantic import BaseModel

from portal_chassis import logs
from portal_chassis.telemetry import continue_from

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


class Signup(BaseModel):
    """What a validation refuses."""

    age: int


@pytest.fixture
def lines(capsys):
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    logs.configure("test", "INFO")
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logs._set_up(logging.INFO)
    structlog.contextvars.clear_contextvars()
    root.handlers[:], root.level = before


def test_a_line_says_service_component_level_and_time(lines):
    logs.get_logger("portal_test.place").info("something happened", order="8016F000001AbCdQAK")
    (line,) = lines()
    assert line["service"] == "test"
    assert line["component"] == "portal_test.place"
    assert (line["level"], line["event"], line["order"]) == ("info", "something happened", "8016F000001AbCdQAK")
    assert line["timestamp"].endswith("Z")


def test_a_line_inside_a_trace_carries_its_ids(lines):
    with continue_from(TRACE):
        logs.get_logger("x").info("inside")
    (line,) = lines()
    assert (line["trace_id"], line["span_id"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def test_a_trace_id_of_digits_alone_is_no_card_number(lines):
    with continue_from("00-0af7651916cd43dd4111111111111111-b7ad6b7169203331-00"):
        logs.get_logger("x").info("inside")
    (line,) = lines()
    assert line["trace_id"] == "0af7651916cd43dd4111111111111111"


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "new_password",
        "secret",
        "WHMCS_SECRET",
        "token",
        "refresh_token",
        "access_token",
        "Authorization",
        "set-cookie",
        "authKey",
        "oemKey",
        "remote_token",
        "activation_code",
        "redirect_url",
        "Portal-Actor",
        "cardnum",
        "private_key",
    ],
)
def test_values_under_secret_names_are_hidden_at_any_depth(lines, key):
    logs.get_logger("x").info("call", **{key: "canary-1"}, body={"items": [{key: {"inner": "canary-2"}}]})
    text = json.dumps(lines())
    assert "canary" not in text
    assert text.count(logs.HIDDEN) == 2


def test_harmless_names_that_sound_similar_stay_readable(lines):
    logs.get_logger("x").info("call", idempotency_key="checkout-1", tokens_left=3, key="order-1", secret=None)
    (line,) = lines()
    assert (line["idempotency_key"], line["tokens_left"], line["key"], line["secret"]) == (
        "checkout-1",
        3,
        "order-1",
        None,
    )


@pytest.mark.parametrize(
    "value",
    [
        "Bearer 00Dxx0000000001!AQEAQFAKEFAKEFAKE",
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl",
        "00D0a0000000001!ARgAQFAKE.fake_session",
        "SG.fakefakefake.fakefakefake",
        "LPA:1$smdp.example.invalid$FAKE-CODE",
        "SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4",
        "-----BEGIN PRIVATE KEY-----\nMIIfake\n-----END PRIVATE KEY-----",
        "postgres://portal:hunter2@127.0.0.1/db",
        "https://whmcs.example.invalid/oauth/singlesignon.php?access_token=fakefakefake",
        "Zk3u9yX0Qw8Lr5Tn2Vb7Hc4Mj1Pd6Sf_Ga-Ke0Io9Uy",
        "card 4111 1111 1111 1111 declined",
        "taro.yamada@example.jp",
        "name=x&password=hunter2&z=1",
    ],
)
def test_values_that_look_secret_are_hidden_in_any_text(lines, value):
    logs.get_logger("x").warning(f"they said {value} again", detail=[value])
    text = json.dumps(lines())
    assert logs.HIDDEN in text
    for fragment in ("fake", "FAKE", "hunter2", "4111", "taro", "c2lnbmF0dXJl", "SUAIBDP", "MIIfake", "Zk3u9yX0"):
        assert fragment not in text


FORGED = '{"level": "error", "event": "forged", "service": "billing"}'


@pytest.mark.parametrize(
    "vector",
    [
        f"x\n{FORGED}",
        f"x\r\n{FORGED}",
        f"x\r{FORGED}",
        f"x\x85{FORGED}",
        f"x\u2028{FORGED}",
        f"x\u2029{FORGED}",
        f"x\v{FORGED}",
        f"x\f{FORGED}",
        f"x\x1c{FORGED}",
        f'x", "level": "error", "injected": {FORGED}, "y": "',
        f'x\\", {FORGED}',
        f"x\x00{FORGED}",
        "\x1b[2J\x1b[31mforged\x1b[0m",
        "\x1b]0;title\x07",
        "\x9b31mforged",
        "\u202eforged",
        "x\b\b\bforged",
        "\ud800",
        "%s %d %(name)s {0} {name}",
        FORGED,
        "あ" * 1_000_000,
        f"{FORGED}\n" * 20_000,
    ],
    ids=lambda vector: ascii(vector[:24]),
)
@pytest.mark.parametrize("where", ["event", "fact", "inside", "library"])
def test_what_somebody_sent_stays_inside_one_line(capsys, lines, vector, where):  # reference/reliability.md (c) §5
    log = logs.get_logger("x")
    if where == "event":
        log.info(vector)
    elif where == "fact":
        log.info("received", name=vector)
    elif where == "inside":
        log.info("received", body={"items": [vector, {vector: 1}]})
    else:
        record = logging.makeLogRecord({"name": "some.library", "msg": vector, "levelno": logging.INFO})
        logging.getLogger().handlers[0].handle(record)  # to ours alone: a test runner cannot keep half a character
    written = capsys.readouterr().out
    assert written.count("\n") == 1
    assert len(written.splitlines()) == 1
    assert not any(strange in written for strange in "\x1b\x9b\b\x00\u202e")
    line = json.loads(written)
    assert (line["level"], line["service"]) == ("info", "test")
    assert "injected" not in line
    assert len(written) < 10 * logs.LONGEST_TEXT


def test_ids_and_fingerprints_stay_readable(lines):
    fingerprint = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    uuid = "6f1c7a1e-0a53-4f0e-8a9e-3f1f7f1f9b11"
    logs.get_logger("x").info("ids", fingerprint=fingerprint, user=uuid, order="8016F000001AbCdQAK", yen=5500)
    (line,) = lines()
    assert (line["fingerprint"], line["user"], line["order"]) == (fingerprint, uuid, "8016F000001AbCdQAK")


def test_a_traceback_does_not_tell_what_a_validation_refused(lines):
    refused = {"age": f"{'canary'}-value"}
    try:
        Signup.model_validate(refused)
    except ValueError:
        logs.get_logger("x").exception("bad input")
    (line,) = lines()
    assert "canary" not in line["exception"]
    assert "ValidationError" in line["exception"]


def test_libraries_speak_through_the_same_lines_and_quietly(lines):
    logging.getLogger("uvicorn.access").info("GET / 200")
    logging.getLogger("asyncpg").warning("user %s", "taro@example.jp")
    logging.getLogger("some.library").info("hello")
    first, second = lines()
    assert (first["component"], first["event"], first["level"]) == ("asyncpg", f"user {logs.HIDDEN}", "warning")
    assert second["component"] == "some.library"


def test_a_library_that_repeats_itself_is_heard_once_a_minute(lines):
    for _ in range(5):
        logging.getLogger("asyncpg.pool").error("cannot connect")
    assert len(lines()) == 1


def test_bytes_are_never_printed(lines):
    logs.get_logger("x").info("body", body=b"canary")
    assert lines()[0]["body"] == "[6 bytes]"


class Reserve(BaseModel):
    """A message about an order, with somebody's name in it."""

    order_id: str
    whmcs_order_id: int | None = None
    customer_name: str = "佐藤 花子"


class Checkout(BaseModel):
    """A process's state that learns its orders on the way."""

    order_ids: list[str] = []
    address: str = "1-2-3 Shibuya"


@pytest.fixture
def subject():
    yield
    logs.about(None)


def test_every_line_of_a_task_names_the_order_its_message_is_about_and_nobody_else(lines, subject):
    logs.about(Reserve(order_id="8016F000001AbCdQAK"))
    logs.get_logger("x").info("inside")
    (line,) = lines()
    assert line["order_id"] == "8016F000001AbCdQAK"
    assert not {"whmcs_order_id", "customer_name"} & line.keys()


def test_a_line_names_the_process_and_what_its_state_has_learnt_by_then(lines, subject):
    state = Checkout()
    logs.about(state, kind="checkout", key="k-1", step="order")
    logs.get_logger("x").info("before")
    state.order_ids.append("8016F000001AbCdQAK")
    logs.get_logger("x").info("after")
    before, after = lines()
    assert (before["kind"], before["key"], before["step"]) == ("checkout", "k-1", "order")
    assert "order_ids" not in before
    assert after["order_ids"] == ["8016F000001AbCdQAK"]
    assert "address" not in after


def test_what_a_line_says_itself_wins_over_what_it_is_about(lines, subject):
    logs.about(Reserve(order_id="8016F000001AbCdQAK"))
    logs.get_logger("x").info("another", order_id="801000000000002AAA")
    assert lines()[0]["order_id"] == "801000000000002AAA"


def test_a_task_that_is_about_nothing_says_nothing(lines, subject):
    logs.about(Reserve(order_id="8016F000001AbCdQAK"))
    logs.about(None)
    logs.get_logger("x").info("between two messages")
    assert "order_id" not in lines()[0]
