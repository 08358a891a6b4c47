"""`make bench`: our real stack beside the peers in one run; prints ratios and keeps everything in JSON.

    python bench/run.py [--only catalog,slow,outbox,active,drain] [--rounds 3] [--seconds 4]

See README.md beside this file for what is measured and how to read it.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import ratios
from load import SESSIONS, LoadFailedError, ensure_wrk
from measure_active import measure_active
from measure_catalog import measure_catalog
from measure_drain import measure_drain
from measure_large_account import measure_large_account
from measure_large_catalog import measure_large_catalog
from measure_slow import measure_slow
from measure_startup import measure_startup
from measure_vendor_slow import measure_vendor_slow
from our_stack import fill_catalog, open_sessions, running, sign_up_users
from peers import VARIABLE, set_up_peers, source_of_peers
from processes import CORES

from portal_local.errors import LocalError
from portal_local.state import StateFolder

HERE: Final = Path(__file__).resolve().parent
KEPT: Final = HERE.parent / ".portal" / "bench"
PARTS: Final = (
    "catalog",
    "slow",
    "outbox",
    "active",
    "drain",
    "vendor-slow",
    "startup",
    "large-catalog",
    "large-account",
    "bus",
)
ON_OUR_STACK: Final = frozenset({"catalog", "slow", "active", "drain", "vendor-slow", "startup"})
VENDOR_SLOW_SECONDS: Final = 4
WITH_PEERS: Final = frozenset({"catalog", "slow"})
PACKAGES: Final = ("fastapi", "uvicorn", "faststream", "nats-py", "pydantic", "asyncpg", "uvloop")
OUTBOX: Final = re.compile(r"written +(\d+) /s +drained +(\d+) /s +ratio ([\d.]+)")
OUTBOX_DELAY: Final = re.compile(r"p50 (\d+) ms +p99 (\d+) ms")


def main() -> int:
    """Measure what was asked for."""
    arguments = _arguments()
    parts = arguments.only
    if parts & WITH_PEERS:
        ensure_wrk()
    built = _peers() if parts & WITH_PEERS else None
    began = time.monotonic()
    result: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine()}
    result |= {"rounds": arguments.rounds, "seconds": arguments.seconds, "sessions": SESSIONS}
    KEPT.mkdir(parents=True, exist_ok=True)
    scratch = KEPT / "scratch"
    scratch.mkdir(exist_ok=True)
    found: list[ratios.Ratio] = []
    if parts & ON_OUR_STACK:
        asyncio.run(_prepare_and_measure_whole(parts, result, arguments.rounds))
    asyncio.run(_measure_large(parts, result))
    if "startup" in parts:
        found += ratios.of_startup(result["startup"])
    if "vendor-slow" in parts:
        found += ratios.of_vendor_slow(result["vendorSlow"])
    how = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    if "catalog" in parts:
        _say("signed-in GET /catalog, the whole stack on one core")
        result["catalog"] = measure_catalog(KEPT / "stack", KEPT / "cookies", built, scratch, **how)
        found += ratios.of_catalog(result["catalog"])
    if "slow" in parts:
        _say("a backend that takes 50 ms, 32 clients")
        fewer = how | {"rounds": max(1, arguments.rounds - 1)}
        result["slow"] = measure_slow(KEPT / "stack", KEPT / "cookies", built, scratch, **fewer)
        found += ratios.of_slow(result["slow"])
    if "outbox" in parts:
        _say("the outbox, saturated: recorded and taken")
        result["outbox"] = [_outbox(arguments.seconds) for _ in range(max(1, arguments.rounds - 1))]
        found += ratios.of_outbox(result["outbox"])
    if "bus" in parts:
        _say("our bus beside plain nats-py")
        result["bus"] = _program("bus_overhead.py", "5000").splitlines()
        print("\n".join(f"  {line}" for line in result["bus"]), flush=True)
    result["ratios"] = [ratios.as_json(one) for one in found]
    result["tookSeconds"] = time.monotonic() - began
    (KEPT / "result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(f"\n{ratios.table(found)}" if found else "")
    print(f"\nkept in {KEPT / 'result.json'}; it took {result['tookSeconds']:.0f} s")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure our stack beside the peers.")
    parser.add_argument("--only", type=_parts, default=frozenset(PARTS), help=f"parts to run, of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each measurement")
    return parser.parse_args()


def _parts(text: str) -> frozenset[str]:
    chosen = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := chosen - set(PARTS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return chosen


def _peers() -> Path | None:
    source = source_of_peers()
    if source is None:
        print(f"no peers found ({VARIABLE} may name their folder): measuring ours alone, without ratios to others")
        return None
    return set_up_peers(source, KEPT / "peers")


async def _prepare_and_measure_whole(parts: frozenset[str], result: dict[str, Any], times: int) -> None:
    """Start the whole portal afresh, make customers and sessions, and measure what needs all of it."""
    StateFolder(KEPT / "stack").reset()
    _say("the whole portal: starting, signing customers up, opening sessions")
    began = time.monotonic()
    async with running(KEPT / "stack") as stack:
        result["firstStartSeconds"] = time.monotonic() - began
        print(f"  first start {result['firstStartSeconds']:.1f} s, databases and keys included", flush=True)
        if parts & WITH_PEERS:
            result["catalogBytes"] = await fill_catalog(stack)
            await open_sessions(stack, await sign_up_users(stack), KEPT / "cookies")
            print(f"  {SESSIONS} sessions, a catalog of {result['catalogBytes']} bytes", flush=True)
        if "active" in parts:
            _say("from approved to active")
            result["active"] = await measure_active(stack, times=max(1, times // 2))
        if "drain" in parts:
            _say("orders approved at once")
            result["drain"] = await measure_drain(stack)
        if "vendor-slow" in parts:
            _say("WHMCS five seconds slow, a hundred requests a second")
            result["vendorSlow"] = await measure_vendor_slow(stack, rounds=times, seconds=VENDOR_SLOW_SECONDS)
        if "startup" in parts:
            _say("starting one process after the other again, everything else running")
            result["startup"] = await measure_startup(stack, times=max(2, times // 2))


async def _measure_large(parts: frozenset[str], result: dict[str, Any]) -> None:
    if "large-catalog" in parts:
        _say("a catalog of two thousand products")
        result["largeCatalog"] = await measure_large_catalog(KEPT / "large")
    if "large-account" in parts:
        _say("a customer with five hundred orders and three hundred invoices")
        result["largeAccount"] = await measure_large_account(KEPT / "large")


def _outbox(seconds: int) -> dict[str, float]:
    text = _program("outbox_drain.py", str(seconds))
    rate, delay = OUTBOX.search(text), OUTBOX_DELAY.search(text)
    if rate is None or delay is None:
        raise LoadFailedError(f"outbox_drain.py said: {text}")
    row = {"writtenPerSecond": float(rate[1]), "drainedPerSecond": float(rate[2]), "ratio": float(rate[3])}
    row |= {"p50Milliseconds": float(delay[1]), "p99Milliseconds": float(delay[2])}
    print(
        f"  written {row['writtenPerSecond']:5.0f} /s  drained {row['drainedPerSecond']:5.0f} /s"
        f"  commit to effect p50 {row['p50Milliseconds']:.0f} ms, p99 {row['p99Milliseconds']:.0f} ms",
        flush=True,
    )
    return row


def _program(name: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, str(HERE / name), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadFailedError(f"{name}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout


def _machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*:\s*(.+)", info)
    node = shutil.which("node")
    return {
        "cores": len(CORES),
        "processor": model[1].strip() if model else platform.machine(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "node": subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
        if node
        else "",
        "packages": {name: version(name) for name in PACKAGES},
    }


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LoadFailedError, LocalError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
