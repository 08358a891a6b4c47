import json

import pytest

from portal_gateway.check_setup import signed_calls_look
from portal_gateway.settings import GatewaySettings

KEY = "example-key-example-key-example-key"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("content", "callers", "failed"),
    [
        ({"salesforce-1": KEY}, "127.0.0.0/8", set()),
        ({"old": {"key": KEY, "notAfter": PAST}, "new": KEY}, "127.0.0.0/8", set()),
        ({"old": {"key": KEY, "notAfter": PAST}}, "127.0.0.0/8", {"portal.signed_call_keys"}),
        ({"next": {"key": KEY, "notBefore": FUTURE}}, "127.0.0.0/8", {"portal.signed_call_keys"}),
        ({"short": "password"}, "127.0.0.0/8", {"portal.signed_call_keys"}),
        ({}, "127.0.0.0/8", {"portal.signed_call_keys"}),
        ({"salesforce-1": KEY}, "", {"portal.signed_callers"}),
    ],
)
async def test_keys_that_do_not_count_and_callers_that_are_not_named_fail_alone(tmp_path, content, callers, failed):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(content))
    checks = await signed_calls_look(GatewaySettings(signed_call_keys_path=path, signed_callers=callers))()
    assert {check.id for check in checks if check.result == "failed"} == failed
    assert KEY not in str(checks)


async def test_a_portal_without_signed_calls_needs_neither():
    assert {check.result for check in await signed_calls_look(GatewaySettings())()} == {"passed"}


async def test_a_file_that_went_away_is_seen(tmp_path):
    gone = GatewaySettings(signed_call_keys_path=tmp_path / "gone.json", signed_callers="127.0.0.0/8")
    assert [check.result for check in await signed_calls_look(gone)()] == ["failed", "passed"]
