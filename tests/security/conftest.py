"""Security suites on the portal as it is: what is asked comes from the OpenAPI document it serves."""

import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from portal_security.crowd import Crowd, Member
from portal_security.served import Served
from portal_testing.stack import PortalStack


@pytest.fixture(scope="session")
def portal_overrides() -> Mapping[str, str]:
    return {
        "PORTAL_COMPARISON_PAUSE_SECONDS": "0.1",
        "PORTAL_SIGNUPS_AN_HOUR_PER_ADDRESS": "100000",
        "PORTAL_LOGINS_A_MINUTE_PER_ADDRESS": "100000",
        "PORTAL_TRUSTED_PROXIES": "127.0.0.0/8",  # the flood comes from everywhere, as its one peer says
    }


@pytest.fixture
async def served(portal_http: httpx.AsyncClient) -> Served:
    return Served((await portal_http.get("/openapi.json")).json())


@pytest.fixture(scope="session")
def kept_members() -> list[Member]:
    """Ask for `members` instead, which fills it once a run."""
    return []


@pytest.fixture
async def members(crowd: Crowd, kept_members: list[Member]) -> list[Member]:
    """Four members that the tests of a run share: no test may log them in or out, or end anything of theirs."""
    if not kept_members:
        kept_members += await crowd.grow(4, in_service=1)
    return kept_members


@pytest.fixture
async def crowd(portal_stack: PortalStack) -> AsyncIterator[Crowd]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield Crowd(portal_stack, client)
