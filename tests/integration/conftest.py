"""Journeys run on the portal as it is, with one-stop porting."""

from collections.abc import Mapping

import pytest


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    return {"PORTAL_PORTING_ONE_STOP": "true"}
