import json
from dataclasses import fields
from pathlib import Path

import pytest

from portal_sandbox.core.faults import KINDS
from portal_sandbox.server import VENDORS, build_sandbox
from portal_sandbox.settings import Settings

SANDBOX = Path(__file__).parents[2]
README = (SANDBOX / "README.md").read_text(encoding="utf-8")
SWITCHES = (SANDBOX / "docs" / "switches.md").read_text(encoding="utf-8")


@pytest.fixture
def switches(tmp_path):
    built = build_sandbox(Settings(data_dir=tmp_path))
    yield built.core.switches.declared()
    built.core.store.close()


def test_every_setting_is_in_the_readme():
    assert [one.name for one in fields(Settings) if f"SANDBOX_{one.name.upper()}`" not in README] == []


def test_every_switch_of_every_vendor_is_listed_with_its_default(switches):
    assert {switch.vendor for switch in switches} == set(VENDORS)
    rows = {
        f"{switch.vendor}.{switch.name}": f"| `{switch.name}` | `{json.dumps(switch.default)}` |" for switch in switches
    }
    assert [name for name, row in rows.items() if row not in SWITCHES] == []


def test_every_fault_kind_is_in_the_readme():
    assert [kind for kind in KINDS if f"\n| `{kind}` |" not in README] == []
