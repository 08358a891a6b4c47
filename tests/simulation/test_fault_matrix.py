"""The fault matrix on the real service code (reference reliability.md (b) §2; R264, C01, C07, C19, C20, C28, D09).

One test is one cell: `-k "AddOrder and timeout_after_effect"` plays those of a call and a fault.
"""

from dataclasses import replace

import pytest

from portal_simulation.matrix import cells
from portal_simulation.matrix_calls import CALLS, recorded
from portal_simulation.matrix_exceptions import LEGAL_ENDS
from portal_simulation.matrix_judging import judge_cell
from portal_simulation.matrix_schedule import SORTS
from portal_simulation.rules import Rules
from portal_simulation.story import told


@pytest.mark.parametrize("cell", list(cells()), ids=str)
def test_after_a_fault_of_one_call_everything_is_as_promised(cell):
    verdict = judge_cell(cell)
    assert verdict.broken == [], "\n".join([*map(str, verdict.broken), told(verdict)])


@pytest.mark.parametrize("sort", SORTS)
def test_the_matrix_has_every_call_an_order_makes(sort):
    recording = recorded(sort)
    assert recording.broken == ()
    assert recording.unnamed == 0
    assert recording.calls == {call.key: call.made[sort] for call in CALLS if call.made[sort]}


def test_every_legal_end_belongs_to_a_cell():
    listed = [cell.legal_end for cell in cells()]
    assert [one for one in LEGAL_ENDS if one not in listed] == []


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("quiet_period", "whmcs.AddOrder late_effect_120_s once voice"),
        ("quiet_period", "freebit.mvno/esim/addAcnt late_effect_600_s once voice"),
    ],
)
def test_a_cell_notices_that_a_rule_is_off(rule, name):
    (cell,) = [cell for cell in cells() if str(cell) == name]
    assert judge_cell(cell, replace(Rules(), **{rule: False})).broken != []
