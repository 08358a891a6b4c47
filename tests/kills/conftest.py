"""The whole portal once more, with services that die exactly where a test says, and with short leases."""

from collections.abc import Iterator, Mapping

import pytest

from portal_local.plan import Plan
from portal_testing.mortal_service import death_orders, mortal_portal
from portal_testing.mortal_store import DeathOrders
from portal_testing.stack import PortalStack

LEASE_SECONDS = 3
"""A worker that died is replaced after its lease; thirty seconds of it would be most of every case."""


@pytest.fixture(scope="session")
def portal_plan() -> Plan:
    return mortal_portal


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    return {
        "PORTAL_PROCESS_LEASE_SECONDS": str(LEASE_SECONDS),
        "PORTAL_SIGNUPS_AN_HOUR_PER_ADDRESS": "100000",
        "PORTAL_LOGINS_A_MINUTE_PER_ADDRESS": "100000",
    }


@pytest.fixture
def deaths(portal_stack: PortalStack) -> Iterator[DeathOrders]:
    """Orders services to die; what was not reached is taken back."""
    found = death_orders(portal_stack.state_folder)
    yield found
    found.withdraw()
