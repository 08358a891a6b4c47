"""The whole portal as fixtures; it starts with the first test that asks and stops with the test run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:  # every test run of every member loads this module
    import httpx

    from portal_local.plan import Plan
    from portal_testing.operators import OperatorAtWork
    from portal_testing.salesforce_dialects import SalesforceDialect
    from portal_testing.shoppers import Shopper, Shoppers
    from portal_testing.stack import PortalStack


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    """Settings that win in every service of `portal_stack`; a conftest.py may give its own."""
    return {}


@pytest.fixture(scope="session")
def portal_plan() -> Plan:
    """Which processes make an embedded portal; a conftest.py may give others."""
    from portal_local.plan import whole_portal  # noqa: PLC0415 - see the top

    return whole_portal


@pytest.fixture(scope="session")
def salesforce_dialect() -> SalesforceDialect:
    """How the org words things: TEST_SALESFORCE_DIALECT names it."""
    from portal_testing.salesforce_dialects import DEFAULT, DIALECT_VARIABLE, DIALECTS  # noqa: PLC0415 - see the top

    name = os.environ.get(DIALECT_VARIABLE) or DEFAULT
    if name not in DIALECTS:
        pytest.fail(f"{DIALECT_VARIABLE} is one of {', '.join(DIALECTS)}, not {name!r}")
    return DIALECTS[name]


@pytest.fixture(scope="session")
def portal_stack_of_the_run(
    portal_overrides: Mapping[str, str], portal_plan: Plan, salesforce_dialect: SalesforceDialect
) -> Iterator[PortalStack]:
    """Ask for `portal_stack` instead: it heals what the test before broke."""
    from portal_testing.stack import PortalStack  # noqa: PLC0415 - see the top

    folder = Path(tempfile.mkdtemp(prefix="portal-stack-"))
    folder.chmod(0o711)  # passable, so that all of it, Postgres' data too, lies inside; the state itself is closed
    overrides = {**salesforce_dialect.overrides(), **portal_overrides}
    match os.environ.get("TEST_INFRA") or "embedded":
        case "embedded":
            stack = PortalStack.embedded(folder / "state", portal_plan, overrides)
        case "docker":
            stack = PortalStack.in_containers(folder / "state", overrides)
        case other:
            pytest.fail(f"TEST_INFRA is embedded or docker, not {other!r}")
    try:
        yield stack.start_everything()
    finally:
        stack.stop_everything(os.environ.get("TEST_KEEP_LOGS"))
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def portal_stack(portal_stack_of_the_run: PortalStack) -> PortalStack:
    """The whole portal on picked ports, all of it ready, no fault armed; rows of earlier tests are still there."""
    portal_stack_of_the_run.heal()
    return portal_stack_of_the_run


@pytest.fixture
def operator(portal_stack: PortalStack) -> OperatorAtWork:
    """The operator of `portal_stack`: over HTTP and at the command line."""
    return portal_stack.operator


@pytest_asyncio.fixture
async def portal_http(portal_stack: PortalStack) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the gateway with an empty cookie jar."""
    async with portal_stack.new_client() as client:
        yield client


@pytest_asyncio.fixture
async def shoppers(portal_stack: PortalStack) -> AsyncIterator[Shoppers]:
    """Makes customers of `portal_stack`."""
    from portal_testing.shoppers import Shoppers  # noqa: PLC0415 - see the top

    found = Shoppers(portal_stack)
    yield found
    await found.close()


@pytest_asyncio.fixture
async def shopper(shoppers: Shoppers) -> Shopper:
    """A customer who has signed up and can order."""
    return await shoppers.somebody()
