"""What customers open in a browser, opened in one: the system's Chromium, at the portal as it is.

`make test-browser` installs the library that drives it; no other target collects these tests.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

sys.path.insert(0, str(Path(__file__).parent))

from portal_browser.visits import Visit
from portal_testing.shoppers import Shopper, Shoppers
from portal_testing.stack import PortalStack

NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = f"no browser: none of {', '.join(NAMES)} is there. On Debian and Ubuntu: apt-get install chromium"


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    return {
        "PORTAL_SIGNUPS_AN_HOUR_PER_ADDRESS": "100000",
        "PORTAL_LOGINS_A_MINUTE_PER_ADDRESS": "100000",
    }


@pytest.fixture(scope="session")
def program() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or pytest.exit(NO_BROWSER, returncode=2)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(program: str) -> AsyncIterator[Browser]:
    # Chromium's own sandbox does not run as root, which CI is; what is shown comes from this machine.
    unsandboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=unsandboxed)
        yield chromium
        await chromium.close()


@pytest.fixture
def visit(browser: Browser, portal_stack_of_the_run: PortalStack) -> Callable[..., Visit]:
    """Opens a browser profile: `async with visit(language, width) as there`."""

    def opened(*of_the_profile: object) -> Visit:
        return Visit(browser, portal_stack_of_the_run.public_url, *of_the_profile)

    return opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(portal_stack_of_the_run: PortalStack) -> AsyncIterator[Shoppers]:
    found = Shoppers(portal_stack_of_the_run)
    yield found
    await found.close()


@pytest_asyncio.fixture(loop_scope="session")
async def customer(people: Shoppers) -> Shopper:
    """Somebody who signed up."""
    return await people.somebody(with_card=False)
