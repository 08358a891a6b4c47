"""The whole portal as other teams get it: one fixture."""

import httpx
import pytest

from portal_testing.stack import PortalStack


async def test_the_gateway_serves_the_catalog_of_the_sandbox(portal_http: httpx.AsyncClient) -> None:
    answer = await portal_http.get("/catalog")
    assert answer.status_code == 200
    assert "SIM-VOICE-ESIM-20G" in answer.text


@pytest.mark.kill
async def test_a_killed_service_and_a_wiped_bus_come_back(
    portal_stack: PortalStack, portal_http: httpx.AsyncClient
) -> None:
    await portal_stack.kill("catalog")
    await portal_stack.sandbox.arm_fault("salesforce", "*", "refused", times=None)
    await portal_stack.start("catalog")
    await portal_stack.wipe_nats()
    assert (await portal_http.get("/catalog")).status_code == 200


async def test_a_fault_of_the_test_before_is_gone(portal_stack: PortalStack) -> None:
    assert await portal_stack.sandbox.faults() == []
