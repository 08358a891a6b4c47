"""`demo`: plays the main job on the portal that runs, or on one it starts and stops itself."""

import asyncio
from collections.abc import Mapping
from typing import Final

from rich.console import Console

from portal_local.demo.playing import play_demo
from portal_local.errors import LocalError
from portal_local.ports import Ports
from portal_local.progress import Progress, say
from portal_local.stack import LocalStack
from portal_local.state import StateFolder

_STARTING_SECONDS: Final = 60


async def demo(state: StateFolder) -> int:
    """Give the demo's exit code."""
    if state.in_use():
        urls = await _announced(state)
        say(f"playing on the portal at {urls['gateway']}")
        return await play_demo(urls, state.keys, Console())
    with Progress() as progress:
        async with LocalStack(state.path, ports=Ports.from_environment(), report=progress.note) as stack:
            progress.finish()
            urls = {"gateway": stack.gateway_url, **stack.sandbox_urls}
            return await play_demo(urls, state.keys, Console())


async def _announced(state: StateFolder) -> Mapping[str, str]:
    """The running portal's URLs; one that is just being started is waited for."""
    for _ in range(_STARTING_SECONDS):
        running = state.running()
        if running is not None:
            return running.urls
        await asyncio.sleep(1)
    raise LocalError("a portal is being started but does not get ready; see `make logs`")
