"""Restarts every replica of every service in turn while a customer without patience goes on: nothing may fail."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from portal_compose.engine import Compose, docker, is_ready
from portal_compose.load import Load, signed_in
from portal_local.demo.customer import Customer
from portal_local.errors import LocalError
from portal_local.progress import say
from portal_local.services import GATEWAY, SERVICES

_READY_SECONDS: Final = 60
_LOOK_SECONDS: Final = 0.2
_PROXY_SECONDS: Final = 3.0
"""Until the proxy has certainly resolved and probed a gateway that came back."""


def replicas(compose: Compose) -> list[tuple[str, str]]:
    """Give service and container of every replica; raises LocalError where a service has but one."""
    names = [one.name for one in SERVICES]
    found = [(one["Service"], one["Name"]) for one in compose.containers() if one["Service"] in names]
    alone = [name for name in names if [service for service, _ in found].count(name) < 2]  # noqa: PLR2004 - a pair
    if alone:
        raise LocalError(f"one replica alone cannot be restarted without a gap: {', '.join(alone)}")
    return sorted(found)


async def roll(compose: Compose, urls: Mapping[str, str], requests: int) -> int:
    """Restart all under load, go on until so many requests were sent, and give the exit code: 0 when none failed."""
    ones = replicas(compose)
    async with Customer(urls["gateway"], urls["sendgrid"]) as customer:
        await signed_in(urls, compose.state / "keys", customer)
        load = Load(customer)
        sending = asyncio.create_task(load.run())
        try:
            for service, container in ones:
                seconds = await asyncio.to_thread(restart, service, container)
                say(f"  {container:<28}{seconds:5.1f} s   {load.sent:6} sent, {load.failures.total()} failed")
        finally:
            load.stop(after=requests)
            await sending
    return _report(load, len(ones))


def restart(service: str, container: str) -> float:
    """Restart one container as a deployment would, and wait until it is ready; gives the seconds it took."""
    began = time.monotonic()
    docker("restart", "--time", "15", container)
    while not is_ready(container):
        if time.monotonic() - began > _READY_SECONDS:
            raise LocalError(f"{container} did not get ready again")
        time.sleep(_LOOK_SECONDS)
    if service == GATEWAY:
        time.sleep(_PROXY_SECONDS)
    return time.monotonic() - began


def _report(load: Load, restarted: int) -> int:
    ordered = sorted(load.seconds)
    middle, late, latest = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1]
    say(f"\n{restarted} containers restarted; {load.sent} requests, {load.failures.total()} failed")
    say(f"median {middle * 1000:.0f} ms, p99 {late * 1000:.0f} ms, longest {latest * 1000:.0f} ms")
    for what, times in load.failures.most_common():
        say(f"  {times} × {what}")
    return 1 if load.failures else 0
