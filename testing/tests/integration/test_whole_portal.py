"""The whole portal as other teams get it: one fixture."""

import asyncio

import httpx
import pytest

from portal_testing.stack import PortalStack


async def once_loaded(http: httpx.AsyncClient) -> httpx.Response:
    """The catalog is read from Salesforce just after the very first start; until then it says 503."""
    async with asyncio.timeout(20):
        while (answer := await http.get("/catalog")).status_code != 200:
            await asyncio.sleep(0.1)
    return answer


async def test_the_gateway_serves_the_catalog_of_the_sandbox(portal_http: httpx.AsyncClient) -> None:
    answer = await once_loaded(portal_http)
    assert "SIM-VOICE-ESIM-20G" in answer.text


@pytest.mark.kill
async def test_a_killed_service_and_a_wiped_bus_come_back(
    portal_stack: PortalStack, portal_http: httpx.AsyncClient
) -> None:
    await portal_stack.kill("catalog")
    await portal_stack.sandbox.arm_fault("salesforce", "*", "refused", times=None)
    await portal_stack.start("catalog")
    await portal_stack.wipe_nats()
    assert (await once_loaded(portal_http)).status_code == 200


async def test_a_fault_of_the_test_before_is_gone(portal_stack: PortalStack) -> None:
    assert await portal_stack.sandbox.faults() == []
