"""A process from start to end: readiness, processes, a clean stop, and one clear line when something is wrong."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from time import monotonic

import pytest

PROGRAM = Path(__file__).with_name("service_program.py")


class Program:
    """A service in a process of its own, with what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, object]] = []

    async def hear(self, event: str) -> dict[str, object]:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            while raw := await self.process.stdout.readline():
                line = json.loads(raw)
                self.lines.append(line)
                if str(line["event"]).startswith(event):
                    return line
        raise AssertionError(f"it ended before it said {event!r}: {self.lines}")

    async def end(self) -> int:
        async with asyncio.timeout(30):
            rest, _ = await self.process.communicate()
        self.lines.extend(json.loads(raw) for raw in rest.splitlines())
        assert self.process.returncode is not None
        return self.process.returncode

    @property
    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.lines]


@pytest.fixture
async def begin(nats_url):
    started = []

    async def start(mode: str, database_url: str | None = None, **environment: str) -> Program:
        base = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
        given = {"PORTAL_NATS_URL": nats_url, **environment}
        if database_url is not None:
            given["PORTAL_DATABASE_URL"] = database_url
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            mode,
            "with database" if database_url is not None else "without database",
            env={**base, **given},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if mode == "bad settings" else None,
        )
        program = Program(process)
        started.append(program)
        return program

    yield start
    for program in started:
        if program.process.returncode is None:
            program.process.kill()
            await program.process.wait()


STEP_COUNTED = b'portal_process_steps_total{kind="greeting",outcome="done",step="greet"} 1.0'


async def get(port: int, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_a_service_becomes_ready_works_and_stops_cleanly(begin, database_url):
    program = await begin("process", database_url)
    ready = await program.hear("ready")
    if "greeted hello" not in program.events:
        await program.hear("greeted hello")
    port = int(str(ready["health_port"]))
    status, body = await get(port, "/livez")
    assert (status, json.loads(body)) == (
        200,
        {"live": True, "checks": {"subscriptions": True, "consumers": True, "processes": True}},
    )
    status, body = await get(port, "/readyz")
    assert (status, json.loads(body)["checks"]) == (200, {"bus": True, "consumers": True, "database": True})
    async with asyncio.timeout(5):  # a step is counted after it is committed, so after its words in the log
        while STEP_COUNTED not in (await get(port, "/metrics"))[1]:
            await asyncio.sleep(0.01)
    assert (await get(port, "/else"))[0] == 404
    begun = monotonic()
    program.process.send_signal(signal.SIGTERM)
    assert await program.end() == 0
    assert monotonic() - begun < 8
    assert program.events[-2:] == ["closed by on_stop", "stopped"]
    assert all(line.get("service", "billing") == "billing" for line in program.lines)


async def test_told_to_stop_it_is_unready_at_once_and_goes_on_until_whoever_sends_it_work_has_seen_that(begin):
    program = await begin("plain", PORTAL_LEAVE_SECONDS="0.8")
    port = int(str((await program.hear("ready"))["health_port"]))
    begun = monotonic()
    program.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(0.7):
        while (await get(port, "/readyz"))[0] == 200:
            await asyncio.sleep(0.01)
    assert json.loads((await get(port, "/readyz"))[1])["checks"]["bus"], "everything behind it still works"
    assert await program.end() == 0
    assert monotonic() - begun >= 0.8


async def test_a_service_without_a_database_runs_too(begin):
    program = await begin("plain")
    await program.hear("ready")
    program.process.send_signal(signal.SIGINT)
    assert await program.end() == 0


async def test_a_background_that_dies_takes_the_process_with_it_and_says_so(begin):
    program = await begin("dying background")
    line = await program.hear("support stopped")
    assert line["event"] == "support stopped: RuntimeError: the feed is gone"
    assert (line["part"], line["level"]) == ("feed", "error")
    assert await program.end() == 1
    assert "closed by on_stop" in program.events


async def test_wiring_that_fails_says_why_and_ends_with_one(begin):
    program = await begin("broken wiring")
    line = await program.hear("support could not start")
    assert "ValueError: this cannot be wired" in str(line["event"])
    assert await program.end() == 1


async def test_settings_that_are_wrong_are_named_before_anything_starts(begin):
    program = await begin("bad settings", PORTAL_TRACE_RATIO="seven", PORTAL_HEALTH_PORT="-1")
    _, errors = await program.process.communicate()
    assert program.process.returncode == 1
    assert errors.decode().strip() == "support: these settings are wrong: PORTAL_HEALTH_PORT, PORTAL_TRACE_RATIO"


async def test_a_missing_setting_is_named(begin):
    program = await begin("plain", "")
    line = await program.hear("billing could not start")
    assert "PORTAL_DATABASE_URL" in str(line["event"])
    assert "exception" not in line
    assert await program.end() == 1


async def test_a_service_waits_for_its_database(begin, database_url, postgres_server):
    postgres_server.kill()
    program = await begin("plain", database_url)
    await program.hear("waiting for the database")
    postgres_server.start()
    await program.hear("ready")
    program.process.send_signal(signal.SIGTERM)
    assert await program.end() == 0


async def test_readiness_turns_red_with_the_database_and_green_again(begin, database_url, postgres_server):
    program = await begin("plain", database_url)
    port = int(str((await program.hear("ready"))["health_port"]))
    postgres_server.kill()
    status, body = await get(port, "/readyz")
    assert (status, json.loads(body)["checks"]["database"]) == (503, False)
    assert (await get(port, "/livez"))[0] == 200
    postgres_server.start()
    async with asyncio.timeout(10):
        while (await get(port, "/readyz"))[0] != 200:
            await asyncio.sleep(0.05)
    program.process.send_signal(signal.SIGTERM)
    assert await program.end() == 0


async def test_a_service_told_to_stop_while_it_starts_just_stops(begin, database_url, postgres_server):
    postgres_server.kill()
    program = await begin("plain", database_url)
    await program.hear("waiting for the database")
    program.process.send_signal(signal.SIGTERM)
    assert await program.end() == 0
    postgres_server.start()


async def test_a_blocked_event_loop_answers_no_probe_until_it_is_free_again(begin):
    program = await begin("blocking")
    port = int(str((await program.hear("ready"))["health_port"]))
    assert (await get(port, "/livez"))[0] == 200
    program.process.send_signal(signal.SIGUSR1)
    await program.hear("blocking")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await get(port, "/livez")
    await program.hear("the event loop was blocked")
    assert (await get(port, "/livez"))[0] == 200
    _, metrics = await get(port, "/metrics")
    lag = next(line for line in metrics.splitlines() if line.startswith(b"portal_event_loop_lag_seconds "))
    assert float(lag.split()[1]) > 1
    program.process.send_signal(signal.SIGTERM)
    assert await program.end() == 0
