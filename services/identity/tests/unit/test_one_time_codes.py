"""The second factor against the vectors of RFC 6238, appendix B (D19)."""

import base64
from datetime import UTC, datetime

import pytest

from portal_chassis.testing import ManualClock
from portal_identity.one_time_codes import STEP_SECONDS, OneTimeCodes, code_at, new_seed, seed_uri

SEED = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(seconds, code) -> None:
    assert code_at(SEED, seconds // STEP_SECONDS) == code
    codes = OneTimeCodes(ManualClock(datetime.fromtimestamp(seconds, UTC)))
    assert codes.step_of(SEED, code) == seconds // STEP_SECONDS


def test_a_code_is_taken_one_step_early_or_late_and_no_more() -> None:
    clock = ManualClock()
    step = int(clock.now().timestamp()) // STEP_SECONDS
    codes = OneTimeCodes(clock)
    taken = [codes.step_of(SEED, code_at(SEED, step + away)) for away in (-2, -1, 0, 1, 2)]
    assert taken == [None, step - 1, step, step + 1, None]


def test_nobodys_code_is_right_not_even_one_of_the_seed_that_is_used_for_the_same_work() -> None:
    clock = ManualClock()
    step = int(clock.now().timestamp()) // STEP_SECONDS
    nobodys = base64.b32encode(bytes(20)).decode()
    assert OneTimeCodes(clock).step_of(None, code_at(nobodys, step)) is None


def test_every_seed_is_another_and_its_uri_says_what_apps_need() -> None:
    seed = new_seed()
    assert seed != new_seed()
    assert len(base64.b32decode(seed)) == 20
    uri = seed_uri(seed, "tech-lead@staff.example")
    assert uri.startswith("otpauth://totp/Portal%20operators:tech-lead%40staff.example?")
    assert {f"secret={seed}", "digits=6", "period=30", "algorithm=SHA1"} <= set(uri.partition("?")[2].split("&"))
