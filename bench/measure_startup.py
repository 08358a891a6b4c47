"""How long each process takes to be ready, alone and with everything else running, and what it then weighs."""

import asyncio
import statistics
import time
from typing import Any, Final

from our_stack import roles
from processes import cpu_seconds, resident_megabytes

from portal_local.managed import answers_ok
from portal_local.stack import LocalStack

LOOK_SECONDS: Final = 0.01
SETTLE_SECONDS: Final = 1.0
Row = dict[str, Any]


async def measure_startup(stack: LocalStack, *, times: int) -> list[Row]:
    """Start each service again, `times` times; give medians, and the memory of every process."""
    running = stack.state.running()
    if running is None:
        raise RuntimeError("the stack does not run")
    rows: list[Row] = []
    for name, pid in roles(stack, without=()).items():
        row: Row = {"process": name, "residentMegabytes": resident_megabytes(pid)}
        if name in running.ready_urls and name != "sandbox":
            seconds, cpu = [], []
            for _ in range(times):
                await stack.terminate(name)
                began = time.monotonic()
                starting = asyncio.create_task(stack.start_one(name))
                while not await answers_ok(running.ready_urls[name]):  # noqa: ASYNC110 - processes set no event
                    await asyncio.sleep(LOOK_SECONDS)
                seconds.append(time.monotonic() - began)
                await starting
                cpu.append(cpu_seconds(stack.pid_of(name) or 0))
            row |= {"readySeconds": statistics.median(seconds), "bestReadySeconds": min(seconds)}
            row |= {"cpuSeconds": statistics.median(cpu)}
        rows.append(row)
    await asyncio.sleep(SETTLE_SECONDS)
    for row in rows:
        ready = f"{row['readySeconds']:5.2f} s to ready, {row['cpuSeconds']:.2f} s CPU" if "readySeconds" in row else ""
        print(f"  {row['process']:14} {row['residentMegabytes']:5.0f} MB  {ready}", flush=True)
    return rows
