"""Seeded schedules of the real service code (reference reliability.md (b) §4, §6 T1; R264, C01, C07, C15, C19, C20).

PORTAL_SIMULATION_SEEDS says how many (2,000); `--seed 123` plays one and prints its story.
"""

import os
from collections.abc import Iterator

import pytest

from portal_simulation.judging import judge
from portal_simulation.schedule import Schedule
from portal_simulation.story import told

SEEDS = int(os.environ.get("PORTAL_SIMULATION_SEEDS") or 2000)
AT_ONCE = 20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("--seed", [])
        parts = [range(seed, seed + 1) for seed in wanted] or list(batches())
        metafunc.parametrize("seeds", parts, ids=[f"{part[0]}-{part[-1]}" for part in parts])


def batches() -> Iterator[range]:
    for first in range(0, SEEDS, AT_ONCE):
        yield range(first, min(first + AT_ONCE, SEEDS))


def test_no_schedule_breaks_an_invariant(seeds, rare_paths, known_faults, request):
    broken = []
    for seed in seeds:
        schedule = Schedule.from_seed(seed)
        try:
            verdict = judge(schedule)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        rare_paths.update(verdict.rare)
        rare_paths.update({"schedules": 1, "orders": len(schedule.orders)})
        known_faults.update(verdict.known)
        if verdict.broken:
            broken.append(verdict.described())
            if request.config.getoption("--seed", []):
                broken.append(told(verdict))
    assert broken == [], "\n".join(broken)


def test_a_seed_plays_the_same_story_again():
    first, second = (told(judge(Schedule.from_seed(4))) for _ in range(2))
    assert first == second
