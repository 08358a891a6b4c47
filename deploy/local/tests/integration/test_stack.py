import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from portal_local.environment import Ground
from portal_local.errors import LocalError, PortInUseError, StartFailedError
from portal_local.managed import PythonProcess
from portal_local.ports import Ports
from portal_local.stack import LocalStack
from portal_local.state import AlreadyRunningError
from portal_local.testing import fake_plan
from portal_local.watching import Report, State

pytestmark = pytest.mark.usefixtures("nothing_left")

SERVERS = ("NATS", "Postgres", "Redis")


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


def runs_anew(stack: LocalStack, name: str, before: int) -> bool:
    return stack.pid_of(name) not in {None, before}


def is_announced(stack: LocalStack, name: str) -> bool:
    running = stack.state.running()
    return running is not None and running.processes[name] == stack.pid_of(name)


async def test_everything_is_ready_then_everything_is_gone(folder: Path) -> None:
    async with LocalStack(folder / "state", plan=fake_plan(sandbox="fine", identity="fine")) as stack:
        assert stack.names == (*SERVERS, "sandbox", "identity")
        assert {stack.state_of(name) for name in stack.names} == {State.READY}
        assert stack.logs("identity") == "started\n"
        assert stack.gateway_url.startswith("http://127.0.0.1:")


async def test_a_second_start_in_the_same_folder_says_who_runs(folder: Path) -> None:
    async with LocalStack(folder / "state", plan=fake_plan(sandbox="fine")):
        with pytest.raises(AlreadyRunningError, match=rf"^already running \(process {os.getpid()}\): http://127"):
            await LocalStack(folder / "state", plan=fake_plan(sandbox="fine")).start()
        with pytest.raises(AlreadyRunningError):
            LocalStack(folder / "state").state.reset()


async def test_a_service_that_crashes_at_the_start_is_named_with_its_last_lines(folder: Path) -> None:
    stack = LocalStack(folder / "state", plan=fake_plan(sandbox="fine", billing="crash"))
    with pytest.raises(
        StartFailedError, match=r"^billing: exited with code 1; last log lines:\nstarted\nthe settings are wrong$"
    ):
        await stack.start()
    assert not stack.state.in_use()


async def test_a_service_that_never_gets_ready_is_named(folder: Path) -> None:
    def plan(ground: Ground, logs: Path) -> list[PythonProcess]:
        (process,) = fake_plan(orders="fine")(ground, logs)
        process.ready_url = "http://127.0.0.1:1/readyz"
        return [process]

    with pytest.raises(StartFailedError, match=r"^orders: not ready in time"):
        await LocalStack(folder / "state", plan=plan, start_seconds=2).start()


async def test_a_taken_port_is_named_before_anything_starts(folder: Path) -> None:
    def plan(ground: Ground, logs: Path) -> list[PythonProcess]:
        (process,) = fake_plan(gateway="fine")(ground, logs)
        process.ports = (ground.ports.gateway,)
        return [process]

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"^gateway: port {port} is already in use"):
            await LocalStack(folder / "state", plan=plan, ports=Ports(gateway=port)).start()


@pytest.mark.kill
async def test_what_crashes_later_is_started_again_and_it_is_said(folder: Path) -> None:
    said: list[Report] = []
    async with LocalStack(folder / "state", plan=fake_plan(billing="fine"), report=said.append) as stack:
        for name in ("billing", "NATS"):
            pid = stack.pid_of(name)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await eventually(partial(runs_anew, stack, name, pid))
        await eventually(lambda: stack.state_of("NATS") is State.READY)
        await eventually(partial(is_announced, stack, "NATS"))
    crashes = [one for one in said if one.state is State.CRASHED]
    assert [one.name for one in crashes] == ["billing", "NATS"]
    assert crashes[0].text == "was ended by SIGKILL; starts again in 0.5 s; last line: started"


@pytest.mark.kill
async def test_what_a_test_killed_stays_down_until_it_is_started(folder: Path) -> None:
    async with LocalStack(folder / "state", plan=fake_plan(billing="fine", orders="fine")) as stack:
        await stack.kill("billing")
        await asyncio.sleep(0.8)  # longer than the first pause before a restart
        assert stack.pid_of("billing") is None
        assert stack.state_of("billing") is State.STOPPED
        await stack.start_one("billing")
        assert stack.state_of("billing") is State.READY
        before = stack.pid_of("orders")
        await stack.restart("orders")
        assert stack.pid_of("orders") != before


async def test_wiped_nats_runs_again_on_its_port_without_its_files(folder: Path) -> None:
    async with LocalStack(folder / "state", plan=fake_plan(billing="fine")) as stack:
        left = stack.nats.store_dir / "jetstream" / "$G" / "streams" / "ANY"
        left.mkdir(parents=True)
        port = stack.nats.port
        await stack.wipe_nats()
        assert stack.nats.port == port
        assert stack.state_of("NATS") is State.READY
        assert not left.exists()


async def test_a_second_start_finds_keys_and_rows_again(folder: Path) -> None:
    async with LocalStack(folder / "state", plan=fake_plan(billing="fine")) as stack:
        stack.postgres.administer("CREATE TABLE kept (id integer)")
        key = (folder / "state" / "keys" / "actor.pem").read_bytes()
    async with LocalStack(folder / "state", plan=fake_plan(billing="fine")) as stack:
        stack.postgres.administer("DROP TABLE kept")
        assert (folder / "state" / "keys" / "actor.pem").read_bytes() == key
    stack.state.reset()
    assert not list((folder / "state").iterdir())


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run; one that is dead and only waits for the machine's first process to take note does not."""
    found = []
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if one.is_running() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def start_up(folder: Path, *processes: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - the file beside this one
        [sys.executable, "-m", "portal_local.testing", "up", *processes],
        env={**os.environ, "PORTAL_STATE_DIR": str(folder / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_running(starter: subprocess.Popen[str]) -> list[str]:
    assert starter.stdout is not None
    lines: list[str] = []
    for line in starter.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C stops everything"):
            break
    return lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_shows_where_everything_is_and_a_signal_stops_it_all(folder: Path, number: signal.Signals) -> None:
    with start_up(folder, "sandbox:fine", "identity:fine") as starter:
        text = "".join(until_running(starter))
        below = psutil.Process(starter.pid).children(recursive=True)
        assert "ready  identity" in text
        assert "/mailbox" in text
        assert "SNX-10001  hanako.sato@example.jp" in text
        starter.send_signal(number)
        output, errors = starter.communicate(timeout=15)
        assert starter.returncode == 0
        assert "stopped in" in output
        assert errors == ""
    assert below
    assert not alive(below)


@pytest.mark.kill
def test_a_killed_supervisor_leaves_no_process_and_the_next_one_starts(folder: Path) -> None:
    with start_up(folder, "identity:deaf") as starter:
        until_running(starter)
        below = psutil.Process(starter.pid).children(recursive=True)
        starter.kill()
        psutil.wait_procs(below, timeout=5)
        starter.communicate()
    assert not alive(below)
    with start_up(folder, "identity:fine") as starter:
        until_running(starter)
        starter.terminate()
        starter.communicate(timeout=15)
        assert starter.returncode == 0


async def test_a_process_that_does_not_listen_is_ended_by_force(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = LocalStack(folder / "state", plan=fake_plan(identity="deaf"), service_stop_seconds=0.3)
    async with stack:
        pid = stack.pid_of("identity")
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_nobody_elses_folder_is_used_or_emptied(folder: Path) -> None:
    (folder / "holiday.jpg").touch()
    stack = LocalStack(folder)
    with pytest.raises(LocalError, match="holds other things"):
        await stack.start()
    with pytest.raises(LocalError, match="holds other things"):
        stack.state.reset()
    assert (folder / "holiday.jpg").exists()
