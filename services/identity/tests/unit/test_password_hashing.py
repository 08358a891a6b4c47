"""Passwords are hashed by workers that can be lost at any moment (reliability.md (c) §1, §7)."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from portal_contracts.problems import TryLater
from portal_identity import password_hashing
from portal_identity.password_hashing import WAITING, Argon2Hasher

PHRASE = "a-long-and-fake-phrase"
EXAMPLE = Path(__file__).with_name("hashing_parent.py")


@pytest.fixture
async def hasher(monkeypatch):
    monkeypatch.setattr(password_hashing.os, "cpu_count", lambda: 2)
    opened = Argon2Hasher()
    yield opened
    await opened.close()


def worker_of(parent):
    """The one worker a process started."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (found,) = [child for child in children if b"argon2_worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return int(found)


def niceness_of_the_session_of(process_id):
    try:
        return Path(f"/proc/{process_id}/autogroup").read_text().split()[-1]
    except (FileNotFoundError, IndexError):
        return "a kernel without groups of sessions"


def environment_of(process_id):
    return Path(f"/proc/{process_id}/environ").read_bytes()


def runs(process_id):
    """Whether there is such a process, other than one whose parent does not look."""
    try:
        return " Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False


async def test_a_password_fits_its_own_hash_in_any_of_its_forms_and_nothing_else(hasher):
    hashed = await hasher.hash("パスワードは長い文です")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hasher.verify("ﾊﾟｽﾜｰﾄﾞは長い文です", hashed)
    assert not await hasher.verify(PHRASE, hashed)
    assert not await hasher.verify(PHRASE, "no hash at all")
    assert not await hasher.verify(PHRASE, None)


async def test_a_worker_knows_nothing_of_our_environment_and_wants_no_time_of_others(hasher, monkeypatch):
    monkeypatch.setenv("PORTAL_SECRET", "canary")
    await hasher.start()
    await hasher.hash(PHRASE)
    worker = worker_of(os.getpid())
    assert environment_of(worker) == b""
    assert os.sched_getscheduler(worker) == os.SCHED_IDLE
    assert os.getsid(worker) == worker
    assert niceness_of_the_session_of(worker) in {"10", "a kernel without groups of sessions"}


async def test_a_worker_that_somebody_starts_by_hand_does_not_slow_their_session_down():
    before = niceness_of_the_session_of(os.getpid())
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "portal_identity.argon2_worker", stdin=asyncio.subprocess.DEVNULL
    )
    assert await worker.wait() == 0
    assert niceness_of_the_session_of(os.getpid()) == before


async def test_a_worker_that_is_lost_while_it_waits_is_replaced(hasher):
    await hasher.start()
    lost = worker_of(os.getpid())
    os.kill(lost, signal.SIGKILL)
    while hasher._idle[0].is_alive():
        await asyncio.sleep(0.01)
    assert await hasher.verify(PHRASE, await hasher.hash(PHRASE))
    assert worker_of(os.getpid()) != lost


async def test_a_worker_that_is_lost_at_work_is_told_and_replaced(hasher):
    await hasher.start()
    lost = worker_of(os.getpid())
    os.kill(lost, signal.SIGSTOP)
    working = asyncio.create_task(hasher.hash(PHRASE))
    await asyncio.sleep(0.05)
    os.kill(lost, signal.SIGKILL)
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await working
    assert await hasher.verify(PHRASE, await hasher.hash(PHRASE))


async def test_a_worker_that_hangs_is_given_up(hasher, monkeypatch):
    monkeypatch.setattr(password_hashing, "WORK_SECONDS", 0.05)
    monkeypatch.setattr(password_hashing, "END_SECONDS", 0.05)
    await hasher.start()
    os.kill(worker_of(os.getpid()), signal.SIGSTOP)
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await hasher.hash(PHRASE)
    monkeypatch.undo()
    assert await hasher.verify(PHRASE, await hasher.hash(PHRASE))


async def test_no_worker_at_all_is_told(hasher, monkeypatch):
    monkeypatch.setattr(password_hashing.sys, "executable", "/nowhere/python")
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await hasher.hash(PHRASE)


async def test_who_gives_up_waiting_leaves_its_answer_to_nobody(hasher):
    await hasher.start()
    first = asyncio.create_task(hasher.verify(PHRASE, None))
    await asyncio.sleep(0)
    first.cancel()
    assert (await hasher.hash(PHRASE)).startswith("$argon2id$")


async def test_more_than_may_wait_are_sent_away_at_once(hasher):
    await hasher.start()
    os.kill(worker := worker_of(os.getpid()), signal.SIGSTOP)
    waiting = [asyncio.create_task(hasher.hash(PHRASE)) for _ in range(WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(TryLater, match="OVERLOADED"):
        await hasher.hash(PHRASE)
    os.kill(worker, signal.SIGCONT)
    assert len(set(await asyncio.gather(*waiting))) == len(waiting)


async def test_a_worker_ends_with_the_service_however_that_ends():
    service = await asyncio.create_subprocess_exec(sys.executable, EXAMPLE, stdout=asyncio.subprocess.PIPE)
    assert await service.stdout.readline() == b"hashed\n"
    worker = worker_of(service.pid)
    service.kill()
    await service.wait()
    async with asyncio.timeout(5):
        while runs(worker):
            await asyncio.sleep(0.02)
