"""Journeys run on the portal as it is, with SIM cards whose numbers are known and with one-stop porting."""

from collections.abc import Mapping
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    return {
        "PORTAL_SIM_PLANS_PATH": str(Path(__file__).with_name("sim_plans.toml")),
        "PORTAL_PORTING_ONE_STOP": "true",
    }
