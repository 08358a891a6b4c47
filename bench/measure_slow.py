"""A backend that takes 50 ms, 32 clients: does one slow answer hold up the others? (reference performance.md §6)."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from load import CONNECTIONS, Target, look, quietest, warm_up
from our_stack import CATALOG_PATH, CatalogAlone, pin_stack, roles, running
from peers import FASTAPI, NEST, Peer, RunningPeer
from processes import STACK_CORE, pin

DELAY_MILLISECONDS: Final = 50
IDEAL_PER_SECOND: Final = CONNECTIONS * 1000 / DELAY_MILLISECONDS
OURS: Final = "ours"
WARM_CONNECTIONS: Final = 64
"""More than are measured, so that warming up does not take twice as long."""
Row = dict[str, Any]


def _measured(label: str, target: Target, pids: Mapping[str, int], seconds: int) -> Row:
    warm_up(target, WARM_CONNECTIONS)
    load, window = quietest(target, pids, seconds)
    return {
        "variant": label,
        "requestsPerSecond": load.per_second,
        "ofIdeal": load.per_second / IDEAL_PER_SECOND,
        "bad": load.bad,
        "cpuMicroseconds": sum(window.per_request(load.requests).values()),
        "coreTakenByOthers": window.taken_by_others,
        "p50Milliseconds": load.p50,
        "p99Milliseconds": load.p99,
    }


def _measure_peer(peer: Peer, built: Path, scratch: Path, seconds: int) -> Row:
    with RunningPeer(peer, built, scratch, DELAY_MILLISECONDS / 1000) as one:
        pin(one.pids.values(), STACK_CORE)
        return _measured(peer.label, one.target, one.pids, seconds)


async def _measure_ours(folder: Path, cookies: Path, seconds: int) -> Row:
    async with running(folder, CatalogAlone(slow_milliseconds=DELAY_MILLISECONDS)) as stack:
        pin_stack(stack, STACK_CORE)
        target = Target(stack.gateway_url + CATALOG_PATH, cookies)
        await asyncio.to_thread(look, target)
        return await asyncio.to_thread(_measured, OURS, target, roles(stack), seconds)


def _run_ours(folder: Path, cookies: Path, seconds: int) -> Row:
    return asyncio.run(_measure_ours(folder, cookies, seconds))


def measure_slow(
    folder: Path, cookies: Path, built: Path | None, scratch: Path, *, rounds: int, seconds: int
) -> list[Row]:
    """Give the rows of all rounds, interleaved."""
    turns: list[Callable[[], Row]] = [partial(_run_ours, folder, cookies, seconds)]
    if built is not None:
        turns += [partial(_measure_peer, peer, built, scratch, seconds) for peer in (NEST, FASTAPI)]
    rows: list[Row] = []
    for number in range(rounds):
        for turn in turns if number % 2 == 0 else reversed(turns):
            row = turn() | {"round": number}
            rows.append(row)
            print(
                f"  round {number + 1}  {row['variant']:28} {row['requestsPerSecond']:6.0f} /s"
                f"  {row['ofIdeal']:.2f} of ideal  p99 {row['p99Milliseconds']:.0f} ms"
                f"  others {row['coreTakenByOthers']:4.0%}",
                flush=True,
            )
    return rows
