"""The fixture's own promises, held with small processes; whole journeys are in the root's tests/integration."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from portal_local.environment import Ground, inherited
from portal_local.managed import PythonProcess
from portal_testing.stack import PortalStack

_PROCESS = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORTAL_HEALTH_PORT"])), Answer).serve_forever()
"""


def small_portal(ground: Ground, logs: Path) -> Sequence[PythonProcess]:
    port = ground.ports.gateway
    return [
        PythonProcess(
            name="gateway",
            arguments=("-c", _PROCESS),
            environment=inherited() | {"PORTAL_HEALTH_PORT": str(port)},
            ready_url=f"http://127.0.0.1:{port}/readyz",
            log_path=logs / "gateway.log",
            ports=(port,),
        )
    ]


@pytest.fixture(scope="module")
def small_stack(servers_folder: Path) -> Iterator[PortalStack]:
    stack = PortalStack.embedded(servers_folder / "stack", plan=small_portal).start_everything()
    yield stack
    stack.stop_everything()


async def test_a_client_reaches_the_gateway(small_stack: PortalStack) -> None:
    async with small_stack.new_client() as client:
        assert (await client.get("/")).status_code == 200


@pytest.mark.kill
async def test_what_is_killed_stays_down_and_heals_for_the_next_test(small_stack: PortalStack) -> None:
    await small_stack.kill("gateway")
    await small_stack.kill("Postgres")
    assert small_stack.pid("gateway") is None
    await small_stack.start("Postgres")
    assert small_stack.pid("Postgres") is not None


@pytest.mark.kill
def test_a_stack_heals_from_what_the_test_before_did(small_stack: PortalStack) -> None:
    assert small_stack.pid("gateway") is None
    small_stack.heal()
    assert small_stack.pid("gateway") is not None


async def test_a_paused_process_runs_and_does_not_answer_until_it_is_resumed(small_stack: PortalStack) -> None:
    await small_stack.pause("gateway")
    async with small_stack.new_client() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/", timeout=0.2)
        assert small_stack.runs("gateway")
        await small_stack.resume("gateway")
        assert (await client.get("/")).status_code == 200


def test_a_process_left_paused_goes_on_for_the_next_test(small_stack: PortalStack) -> None:
    asyncio.run(small_stack.pause("Redis"))
    small_stack.heal()
    assert small_stack.redis.ask("PING") == b"+PONG"


async def test_a_service_runs_twice_until_the_next_test(small_stack: PortalStack) -> None:
    await small_stack.scale("gateway", 2)
    assert small_stack.runs("gateway-2")
    await small_stack.kill("gateway")
    assert small_stack.runs("gateway-2")


def test_further_replicas_are_gone_in_the_next_test(small_stack: PortalStack) -> None:
    small_stack.heal()
    assert "gateway-2" not in small_stack.names
    assert small_stack.runs("gateway")


async def test_nats_is_wiped_and_runs_again(small_stack: PortalStack) -> None:
    left = small_stack.nats.store_dir / "left behind"
    left.touch()
    await small_stack.wipe_nats()
    assert small_stack.nats.running
    assert not left.exists()


def test_a_database_is_reached_with_all_rights(small_stack: PortalStack) -> None:
    assert "/billing?" in small_stack.database_url("billing")
