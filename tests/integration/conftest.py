"""Journeys run on the portal as it is, with one-stop porting, without the comparison's pauses and with short leases."""

from collections.abc import Mapping

import pytest


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    return {
        "PORTAL_PORTING_ONE_STOP": "true",
        "PORTAL_COMPARISON_PAUSE_SECONDS": "0.1",
        "PORTAL_PROCESS_LEASE_SECONDS": "5",  # thirty by default: a worker that died is replaced after it
        "PORTAL_SIGNUPS_AN_HOUR_PER_ADDRESS": "100000",
        "PORTAL_LOGINS_A_MINUTE_PER_ADDRESS": "100000",
    }
