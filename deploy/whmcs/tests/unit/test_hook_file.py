"""The hook file's text against the sandbox, which sends what it would send (C28). It is run in `tests/integration`."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[4]
HOOK_FILE = (ROOT / "deploy" / "whmcs" / "includes" / "hooks" / "portal_events.php").read_text(encoding="utf-8")
SET_UP = (ROOT / "deploy" / "whmcs" / "set_up_portal.php").read_text(encoding="utf-8")
SANDBOX = ROOT / "sandbox" / "src" / "portal_sandbox" / "whmcs"
POINTS = dict(re.findall(r"^        '([A-Z]\w+)' => \[(.+)\],$", HOOK_FILE, flags=re.MULTILINE))


def fired_by_the_sandbox() -> dict[str, set[str]]:
    text = "\n".join(source.read_text(encoding="utf-8") for source in SANDBOX.glob("*.py"))
    fired = re.findall(r"\.hook\(\s*\"(\w+)\",([^)]*)\)", text)
    return {event: set(re.findall(r"(\w+)=", arguments)) for event, arguments in fired}


def test_everything_the_sandbox_announces_whmcs_announces_too_with_the_same_ids() -> None:
    fired = fired_by_the_sandbox()
    assert fired
    for event, ids in fired.items():
        assert event in POINTS
        assert ids <= set(re.findall(r"'(\w+)' => \[", POINTS[event])), event


def test_headers_and_path_are_those_the_sandbox_sends() -> None:
    headers = set(re.findall(r"\"(X-Portal-[\w-]+)\"", (SANDBOX / "hooks.py").read_text(encoding="utf-8")))
    assert headers == set(re.findall(r"'(X-Portal-[\w-]+): ", HOOK_FILE))


def test_only_ids_are_named() -> None:
    names = {ours for point in POINTS.values() for ours in re.findall(r"'(\w+)' => \[", point)}
    assert names == {"client", "invoice_id", "order_id", "service_id"}


def test_the_marker_field_is_made_admin_only() -> None:  # C07: a customer must neither see nor change it
    assert "'adminonly' => 'on'" in SET_UP
    assert "'showorder' => ''" in SET_UP
