"""Nothing secret of WHMCS's reaches Redis: no tokens of cards, no passwords of services, no links (architecture §9)."""

import pytest
from redis.asyncio import Redis

from portal_chassis.cache import Cache

CLIENT = 5011


@pytest.fixture
async def redis(redis_url):
    opened = Redis.from_url(redis_url)
    yield opened
    await opened.aclose()


async def test_everything_is_read_and_no_secret_is_kept(connected, whmcs, sandbox_whmcs, redis_url, redis):
    with sandbox_whmcs.core.store.transaction() as db:
        db.execute("UPDATE whmcs_service SET password = 'canary-service-password' WHERE client_id = ?", (CLIENT,))
        tokens = [row["token"] for row in db.execute("SELECT token FROM whmcs_pay_method")]
    cache = Cache(redis_url, prefix="billing", patience=5)
    reads = connected(patience_seconds=30).copies(cache)
    await reads.profile(CLIENT)
    await reads.gateways()
    await reads.payment_methods(CLIENT, fresh=False)
    for invoice in (await reads.invoices(CLIENT, fresh=False)).value:
        await reads.invoice(CLIENT, invoice.id)
    for service in (await reads.subscriptions(CLIENT, fresh=False)).value:
        await reads.subscription(CLIENT, service.service_id)
        await reads.invoices_of(CLIENT, service.service_id, fresh=False)
    link = await whmcs.sign_on.mint(CLIENT, "payment_methods", None)
    keys = [key async for key in redis.scan_iter()]
    held = b"\n".join([*keys, *[value for value in await redis.mget(keys) if value is not None]])
    assert b"4242" in held, "the card is kept, without its token"
    assert {key.split(b":")[1] for key in keys} == {b"billing"}
    secrets = ["canary-service-password", "sandbox-secret", link.split("access_token=")[1], *tokens, "cus_", "pm_"]
    assert [secret for secret in secrets if secret.encode() in held] == []
    await cache.close()
