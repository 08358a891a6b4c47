"""Signed-in GET /catalog, the whole stack on one core: ours beside the peers, in interleaved rounds."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from load import Target, look, quietest, warm_up
from our_stack import CACHING_GATEWAY, CATALOG_PATH, CatalogAlone, pin_stack, roles, running
from peers import FASTAPI, NEST, Peer, RunningPeer
from processes import STACK_CORE, pin, resident_megabytes

MISS: Final = "ours, every reply asked for"
HIT: Final = "ours, micro-cache"
NOT_MODIFIED: Final = "ours, 304"
Row = dict[str, Any]


def measure_target(label: str, target: Target, pids: Mapping[str, int], seconds: int) -> Row:
    """Warm up, then measure one build under saturation: CPU by role over the same window, memory after it."""
    warm_up(target)
    load, window = quietest(target, pids, seconds)
    cpu = window.per_request(load.requests)
    return {
        "variant": label,
        "requestsPerSecond": load.per_second,
        "requests": load.requests,
        "bad": load.bad,
        "p50Milliseconds": load.p50,
        "p99Milliseconds": load.p99,
        "cpuMicroseconds": sum(cpu.values()),
        "cpuByRole": cpu,
        "coreTakenByOthers": window.taken_by_others,
        "residentMegabytes": {role: resident_megabytes(pid) for role, pid in pids.items()},
    }


def measure_peer(peer: Peer, built: Path, scratch: Path, seconds: int) -> list[Row]:
    """Start a peer, measure it, end it."""
    with RunningPeer(peer, built, scratch) as one:
        pin(one.pids.values(), STACK_CORE)
        row = measure_target(peer.label, one.target, one.pids, seconds)
        return [row | {"bytes": one.answer_bytes, "readySeconds": one.ready_seconds}]


async def measure_ours(folder: Path, cookies: Path, seconds: int) -> list[Row]:
    """Start our stack, measure the three ways an answer can be found, end it."""
    plan = CatalogAlone()
    async with running(folder, plan) as stack:
        everybody = roles(stack)
        pin_stack(stack, STACK_CORE)
        plain = {role: pid for role, pid in everybody.items() if role != CACHING_GATEWAY}
        caching = {role: pid for role, pid in everybody.items() if role != "gateway"}
        miss = Target(stack.gateway_url + CATALOG_PATH, cookies)
        hit = Target(plan.caching_url + CATALOG_PATH, cookies)
        size, headers = await asyncio.to_thread(look, hit)
        unmodified = Target(hit.url, cookies, (f"If-None-Match: {headers['etag']}",), status=304)
        rows = []
        for label, target, pids in (
            (MISS, miss, plain),
            (HIT, hit, caching),
            (NOT_MODIFIED, unmodified, caching),
        ):
            await asyncio.to_thread(look, target)
            row = await asyncio.to_thread(measure_target, label, target, pids, seconds)
            rows.append(row | {"bytes": 0 if target is unmodified else size})
        return rows


def _run_ours(folder: Path, cookies: Path, seconds: int) -> list[Row]:
    return asyncio.run(measure_ours(folder, cookies, seconds))


def measure_catalog(
    folder: Path, cookies: Path, built: Path | None, scratch: Path, *, rounds: int, seconds: int
) -> list[Row]:
    """Give the rows of all rounds: A B C, then C B A, and so on."""
    turns: list[Callable[[], list[Row]]] = [partial(_run_ours, folder, cookies, seconds)]
    if built is not None:
        turns += [partial(measure_peer, peer, built, scratch, seconds) for peer in (NEST, FASTAPI)]
    rows: list[Row] = []
    for number in range(rounds):
        for turn in turns if number % 2 == 0 else reversed(turns):
            for row in turn():
                rows.append(row | {"round": number})
                print(
                    f"  round {number + 1}  {row['variant']:28} {row['cpuMicroseconds']:6.0f} µs CPU a request"
                    f"  {row['requestsPerSecond']:7.0f} /s  {row['bytes']:6} bytes"
                    f"  others {row['coreTakenByOthers']:4.0%}" + (f"  {row['bad']} BAD" if row["bad"] else ""),
                    flush=True,
                )
    return rows
