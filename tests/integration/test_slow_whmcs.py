"""WHMCS five seconds slow at a hundred requests a second: who does not need it does not notice, who does hears soon.

Ratios of one run: requests beside one another in the same seconds, and rounds with and without the slowness in turn.
"""

import pytest

from portal_local.demo.customer import Problem, eventually
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.steady_load import WITHOUT_WHMCS, Answer, mixed, quantile, steadily

SLOW_SECONDS = 5.0
PER_SECOND = 100
PHASE_SECONDS = 3.0
MOST_ROUNDS = 4
OFTEN = 0.99
LITTLE_SLOWER = 1.2
"""How much slower than without the trouble requests that do not need WHMCS may be."""
SOON = 0.2
"""How much of WHMCS's own slowness those that need it may wait: one second, beside what the machine takes anyway."""


def apart(answers: list[Answer]) -> tuple[list[Answer], list[Answer]]:
    """Give those that do not need WHMCS, and those that do."""
    without = [answer for answer in answers if answer.path in WITHOUT_WHMCS]
    return without, [answer for answer in answers if answer.path not in WITHOUT_WHMCS]


async def test_slow_whmcs_slows_nobody_who_does_not_need_it_and_the_others_hear_within_a_second(
    shopper, shoppers, portal_stack: PortalStack
) -> None:
    customers = [shopper.customer, (await shoppers.somebody()).customer]
    rounds: list[tuple[float, float]] = []
    needing: list[Answer] = []
    for number in range(MOST_ROUNDS):
        usual = await steadily(customers, mixed(2 * number), per_second=PER_SECOND, seconds=PHASE_SECONDS)
        await portal_stack.sandbox.arm_fault("whmcs", "*", "slow", times=None, params={"seconds": SLOW_SECONDS})
        slow = await steadily(customers, mixed(2 * number + 1), per_second=PER_SECOND, seconds=PHASE_SECONDS)
        await portal_stack.sandbox.clear_faults()
        (before, _), (meanwhile, waiting) = apart(usual), apart(slow)
        assert {answer.status for answer in [*before, *meanwhile]} == {200}
        needing += waiting
        noise = quantile(before, OFTEN)
        rounds.append((quantile(meanwhile, OFTEN) / noise, (quantile(waiting, OFTEN) - noise) / SLOW_SECONDS))
        slower, waited = rounds[-1]
        assert waited <= SOON, rounds
        if slower <= LITTLE_SLOWER:
            break
    else:
        pytest.fail(f"slower and waited, round by round: {rounds}")
    statuses = {answer.status for answer in needing}
    # 404: asked about in the moment before the slowness, and answered that no such invoice is theirs.
    assert {200, 503} <= statuses <= {200, 404, 503}
    assert all(answer.retry_after > 0 for answer in needing if answer.status == 503)
    assert {answer.dated for answer in needing if answer.status == 200} == {True, False}, "fresh and dated copies"

    async def somebody_new() -> Shopper | None:
        try:
            return await shoppers.somebody()
        except Problem:
            return None

    await eventually(somebody_new, "somebody new to be served again", patience=60.0)
