"""The service as it is deployed: real processes on NATS and Postgres, one of them killed in mid-flight."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from portal_changefeed.topics import TOPICS

PROVISION = "changefeed.provision_event.received.v1"


@pytest.fixture
def starting(world, database_url, nats_url, tmp_path):
    """Starts an instance for a block; its log goes to a file that is shown when the start fails."""

    @asynccontextmanager
    async def starting(name):
        org = world.settings
        environment = {
            **os.environ,
            "PORTAL_ENVIRONMENT": "development",
            "PORTAL_NATS_URL": nats_url,
            "PORTAL_DATABASE_URL": database_url,
            "SF_LOGIN_URL": org.login_url,
            "SF_CLIENT_ID": org.client_id,
            "SF_USERNAME": org.username,
            "SF_PRIVATE_KEY_PATH": str(org.private_key_path),
            "SF_CA_BUNDLE": str(org.ca_bundle),
            "SF_PUBSUB_ENDPOINT": org.pubsub_endpoint,
        }
        log = tmp_path / f"{name}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "portal_changefeed", env=environment, stdout=output, stderr=output
            )
        process.log = log
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    return starting


@pytest.mark.kill
async def test_a_killed_leader_is_replaced_and_nothing_is_lost(world, starting):
    """R152, R153: kill -9 in mid-flight; the other instance goes on from the stored position."""
    async with starting("first") as first:
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS), 20.0)
        async with starting("second") as second:
            orders = [await world.order() for _ in range(3)]
            await world.salesforce.update("Order", orders[0], {"Status": "Approved"})
            first.send_signal(signal.SIGKILL)
            orders += [await world.order() for _ in range(3)]
            await world.salesforce.update("Order", orders[-1], {"Status": "Approved"})
            await world.eventually(lambda: world.recorded(PROVISION), lambda found: len(found) >= 2, 20.0)
            await world.eventually(world.hints, lambda found: set(orders) <= set(found), 20.0)
            assert [event["orderId"] for event in await world.recorded(PROVISION)] == [orders[0], orders[-1]]
            second.terminate()
            assert await asyncio.wait_for(second.wait(), 8) == 0, second.log.read_text()


async def test_the_log_holds_no_secret(world, starting):
    async with starting("only") as only:
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS), 20.0)
        only.terminate()
        assert await asyncio.wait_for(only.wait(), 8) == 0
    text = only.log.read_text()
    assert "elected" in text
    assert "!AQ" not in text
    assert "PRIVATE" not in text
