"""`status`: what runs and where."""

import asyncio
import os

from portal_local.managed import answers_ok
from portal_local.progress import say
from portal_local.state import StateFolder


async def show_status(state: StateFolder) -> int:
    """Write one line per process; gives 0 when all are ready, 1 otherwise."""
    running = state.running()
    if running is None or not state.in_use():
        say("not running")
        return 1
    ready = await asyncio.gather(*(answers_ok(url) for url in running.ready_urls.values()))
    states = dict(zip(running.ready_urls, ready, strict=True))
    for name, pid in running.processes.items():
        good = states[name] = states.get(name, _alive(pid))
        say(f"{'ready    ' if good else 'NOT ready'}  {name}")
    for name, url in running.urls.items():
        say(f"{name:<15} {url}")
    return 0 if all(states.values()) else 1


def _alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another account's, as Postgres' when it was started by root
        return True
    return True
