"""Seeds by option or environment, the shared ground, and counters over all workers of a run."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from portal_simulation.log_capture import capture_logs
from portal_simulation.rare_paths import RARE_PATHS

ENOUGH = 1000
"""Schedules from which on every rare path must have been taken."""
_rare: Counter[str] = Counter()
_known: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", action="append", type=int, default=[], help="play these seeds alone")


@pytest.fixture(scope="session", autouse=True)
def captured_logs() -> None:
    capture_logs()


@pytest.fixture(scope="session")
def rare_paths() -> Counter[str]:
    return _rare


@pytest.fixture(scope="session")
def known_faults() -> Counter[str]:
    return _known


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    output = getattr(node, "workeroutput", {})
    _rare.update(output.get("rare_paths", {}))
    _known.update(output.get("known_faults", {}))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["rare_paths"], output["known_faults"] = dict(_rare), dict(_known)
    elif missing():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def missing() -> list[str]:
    return [name for name in RARE_PATHS if not _rare[name]] if _rare["schedules"] >= ENOUGH else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _rare["schedules"]:
        return
    terminalreporter.section("simulation")
    terminalreporter.write_line(f"{_rare['schedules']} schedules with {_rare['orders']} orders")
    for name in RARE_PATHS:
        terminalreporter.write_line(f"{_rare[name]:7} {name}")
    for name, times in sorted(_known.items()):
        terminalreporter.write_line(f"{times:7} known fault: {name}")
    for name in missing():
        terminalreporter.write_line(f"NEVER TAKEN: {name}", red=True)
