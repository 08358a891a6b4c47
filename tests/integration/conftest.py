"""Journeys run on the portal as it is, with one-stop porting, without the comparison's pauses and with short leases."""

import os
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from portal_testing.shoppers import Shopper, Shoppers
from portal_testing.stack import PortalStack
from portal_testing.subscribers import Subscriber, subscribe


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    # The stand-in of an eKYC provider has no certificate, which is fine on loopback alone: not between containers.
    embedded = os.environ.get("TEST_INFRA", "embedded") == "embedded"
    return {
        "PORTAL_PORTING_ONE_STOP": "true",
        "PORTAL_COMPARISON_PAUSE_SECONDS": "0.1",
        "PORTAL_PROCESS_LEASE_SECONDS": "5",  # thirty by default: a worker that died is replaced after it
        "PORTAL_SIGNUPS_AN_HOUR_PER_ADDRESS": "100000",
        "PORTAL_LOGINS_A_MINUTE_PER_ADDRESS": "100000",
        **({"PORTAL_VERIFICATION_METHODS": "sim_voice=external"} if embedded else {}),
    }


@pytest.fixture(scope="module")
def portal_stack_of_the_module(portal_stack_of_the_run: PortalStack) -> PortalStack:
    portal_stack_of_the_run.heal()
    return portal_stack_of_the_run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(portal_stack_of_the_module: PortalStack) -> AsyncIterator[Shoppers]:
    """Makes the customers of a module, whose tests share a loop: `pytest.mark.asyncio(loop_scope="module")`."""
    found = Shoppers(portal_stack_of_the_module)
    yield found
    await found.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def subscriber(people: Shoppers) -> Subscriber:
    """One customer with running services for all tests of a module."""
    return await subscribe(await people.somebody())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stranger(people: Shoppers) -> Shopper:
    """Somebody else."""
    return await people.somebody(with_card=False)
