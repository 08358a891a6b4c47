from dataclasses import fields
from pathlib import Path

import pytest

from portal_sandbox.server import VENDORS, build_sandbox
from portal_sandbox.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def switches(tmp_path):
    built = build_sandbox(Settings(data_dir=tmp_path))
    yield built.core.switches.declared()
    built.core.store.close()


def test_every_setting_is_in_the_readme():
    assert [one.name for one in fields(Settings) if f"SANDBOX_{one.name.upper()}`" not in README] == []


def test_every_switch_of_every_vendor_is_in_the_readme(switches):
    assert {switch.vendor for switch in switches} == set(VENDORS)
    assert [f"{switch.vendor}.{switch.name}" for switch in switches if f"| `{switch.name}` |" not in README] == []
