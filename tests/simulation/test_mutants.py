"""Each rule that keeps the promise, switched off: a schedule of the ordinary draw must come to harm .

What holds with all rules on and breaks without one is a catch. A survivor says that an invariant or a drawn trouble is
missing. Every mutant has the seeds below 500; it begins shortly before the seed that is known to catch it, because the
schedules before only say that it takes some luck.
"""

from dataclasses import dataclass, fields, replace
from typing import Final

import pytest

from portal_simulation.invariants import Broken
from portal_simulation.judging import judge
from portal_simulation.rules import Rules
from portal_simulation.schedule import Schedule

MOST: Final = 500
"""Seeds within which a mutant has to be caught."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule to switch off; `first` is the seed to begin with.

    `not_by` names invariants that see the switch itself, not what comes of it: for those the catch would be free.
    """

    rule: str
    first: int = 0
    not_by: tuple[str, ...] = ("defect",)

    def counts(self, broken: Broken) -> bool:
        """Whether this is harm."""
        return broken.invariant not in self.not_by


MUTANTS: Final = (
    Mutant("inbox_is_unique"),
    Mutant("leases"),
    Mutant("quiet_period", first=35),
    Mutant("send_deadline", first=125),
    Mutant("all_pages", first=15),
    Mutant("registered_winner", not_by=("defect", "I2")),  # I2 compares with the winner that is not registered
    Mutant("outbox_in_transaction", first=80),
    Mutant("fencing", first=155),
    Mutant("sweeper"),
    Mutant("earliest_on_a_lost_position", first=25),
    Mutant("ids_are_normalised", not_by=("defect", "I13")),  # I13 looks intents up by the right id
    Mutant("read_before_acting"),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_rule_that_is_switched_off_is_missed_within_500_schedules(mutant):
    rules = replace(Rules(), **{mutant.rule: False})
    for seed in range(mutant.first, MOST):
        schedule = Schedule.from_seed(seed)
        harm = [broken for broken in judge(schedule, rules).broken if mutant.counts(broken)]
        if harm and judge(schedule).broken == []:
            return
    pytest.fail(f"the mutant without {mutant.rule} survives the seeds {mutant.first} to {MOST - 1}")


def test_every_rule_has_a_mutant():
    assert {mutant.rule for mutant in MUTANTS} == {field.name for field in fields(Rules)}
