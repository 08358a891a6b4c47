"""A schedule played and judged: what a test, the fault matrix and the mutants all ask for."""

from collections import Counter
from dataclasses import dataclass, field

from portal_simulation.invariants import Broken, broken_invariants
from portal_simulation.known_faults import known
from portal_simulation.play import Played, play
from portal_simulation.rare_paths import taken
from portal_simulation.rules import Rules
from portal_simulation.schedule import Schedule


@dataclass(slots=True)
class Verdict:
    """What came of a schedule."""

    schedule: Schedule
    broken: list[Broken] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    rare: Counter[str] = field(default_factory=Counter)
    played: Played | None = None

    def described(self) -> str:
        """Say what is broken, and how to see it again."""
        lines = [f"seed {self.schedule.seed}: {one}" for one in self.broken]
        return "\n".join([*lines, reproduction(self.schedule.seed)])


def reproduction(seed: int) -> str:
    """Give the line that plays one seed again."""
    return f"python -m pytest tests/simulation/test_schedules.py --seed {seed}"


def judge(schedule: Schedule, rules: Rules | None = None) -> Verdict:
    """Play a schedule and check every invariant."""
    verdict = Verdict(schedule)

    def check(played: Played) -> None:
        for broken in broken_invariants(played):
            fault = known(played, broken)
            if fault is None:
                verdict.broken.append(broken)
            else:
                verdict.known[fault.name] += 1
        verdict.rare += taken(played)

    verdict.played = play(schedule, rules, check)
    return verdict
