"""Everything that can be broken, broken: `make torture`. Takes hours; `--only kills` plays one part, `--short` a tenth.

Each part is a pytest run with its own dials, as CI plays with smaller ones. Progress goes to the terminal, the report
to `.portal/torture/report.md`, each part's output beside it. Ends with 1 when anything failed.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import parse

ROOT: Final = Path(__file__).resolve().parent.parent
KEPT: Final = ROOT / ".portal" / "torture"
SHORT: Final = 10


@dataclass(frozen=True)
class Part:
    """One pytest run. `dials` are environment variables with a number, which `--short` divides."""

    name: str
    tests: Sequence[str]
    dials: Mapping[str, int]
    fixed: Mapping[str, str]


PARTS: Final = (
    Part("schedules", ("tests/simulation", "-n", "2"), {"PORTAL_SIMULATION_SEEDS": 20_000}, {}),
    Part("kills", ("tests/kills/test_kill_points.py",), {}, {"PORTAL_KILL_CASES": "all"}),
    Part("whole portal", ("tests/kills/test_torture.py",), {"PORTAL_TORTURE_SEEDS": 150}, {}),
    Part("histories", ("tests/kills/test_history.py", "-s"), {"PORTAL_TORTURE_ORDERS": 200}, {}),
    Part("outage", ("tests/kills/test_history.py", "-s", "-k", "outage"), {"PORTAL_TORTURE_ORDERS": 1000}, {}),
    Part("around vendor calls", ("tests/kills/test_vendor_calls.py",), {}, {}),
)


@dataclass(frozen=True)
class Result:
    """How a part went."""

    name: str
    tests: int
    failed: Sequence[str]
    seconds: float
    code: int


def main() -> int:
    """Play the parts one after the other and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[part.name for part in PARTS], help="one part")
    parser.add_argument("--short", action="store_true", help="a tenth of everything, to try it out")
    wanted = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for part in PARTS:
        if wanted.only in (None, part.name):
            results.append(play(part, SHORT if wanted.short else 1))
            (KEPT / "report.md").write_text(report(results), encoding="utf-8")
    print(f"\n{report(results)}\nkept in {KEPT / 'report.md'}")
    return 1 if any(result.code for result in results) else 0


def play(part: Part, divisor: int) -> Result:
    """Run one part; its output is shown and kept."""
    file = KEPT / f"{part.name.replace(' ', '-')}.xml"
    file.unlink(missing_ok=True)
    dials = {name: str(max(1, number // divisor)) for name, number in part.dials.items()}
    print(
        f"\n== {part.name}: {' '.join(f'{name}={value}' for name, value in (dials | part.fixed).items())}", flush=True
    )
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", *part.tests, f"--junitxml={file}"]
    with (KEPT / f"{file.stem}.log").open("w", encoding="utf-8") as log:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | dials | part.fixed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in child.stdout or ():
            log.write(line)
            print(line, end="", flush=True)
        code = child.wait()
    tests, failed = counted(file)
    return Result(part.name, tests, failed, time.monotonic() - began, code)


def counted(file: Path) -> tuple[int, list[str]]:
    """Count the tests of a run and name those that failed."""
    if not file.exists():
        return 0, ["the run did not get as far as a result"]
    cases = parse(file).getroot().iter("testcase")  # noqa: S314 - pytest has just written it
    found = [
        (case.get("name") or "", case.find("failure") is not None or case.find("error") is not None) for case in cases
    ]
    return len(found), [name for name, is_red in found if is_red]


def report(results: Sequence[Result]) -> str:
    """Give the report in Markdown."""
    lines = ["# Torture", "", "| part | tests | failed | minutes |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.name} | {one.tests} | {len(one.failed)} | {one.seconds / 60:.1f} |" for one in results]
    for one in results:
        lines += [f"\n## {one.name}", *(f"- {name}" for name in one.failed)] if one.failed else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
