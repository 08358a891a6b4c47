"""Journeys run on the portal as it is, with one-stop porting and without the comparison's pauses between pages."""

from collections.abc import Mapping

import pytest


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    return {"PORTAL_PORTING_ONE_STOP": "true", "PORTAL_COMPARISON_PAUSE_SECONDS": "0.1"}
