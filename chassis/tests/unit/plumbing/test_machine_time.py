"""Machine time taken from a simulation: everything in the chassis that asks for it must get the same."""

from datetime import UTC, datetime

import pytest

from portal_chassis.circuit_breaker import CircuitBreaker
from portal_chassis.clocks import SystemMachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.machine_time import epoch, machine_time_from, monotonic
from portal_contracts.problems import TryLater


class StoppedTime:
    def __init__(self):
        self.seconds = 1_000_000.0

    def epoch(self):
        return self.seconds

    def monotonic(self):
        return self.seconds - 999_000.0


def test_deadlines_and_clocks_follow_the_time_of_a_simulation():
    time = StoppedTime()
    with machine_time_from(time):
        deadline = Deadline.after(5)
        assert deadline.remaining() == 5
        assert SystemMachineClock().now() == datetime.fromtimestamp(1_000_000, UTC)
        assert SystemMachineClock().monotonic() == monotonic() == 1000
        time.seconds += 5
        assert deadline.passed
        with pytest.raises(TryLater):
            deadline.check()


def test_a_breaker_opens_again_for_a_probe_when_simulated_time_has_passed():
    time = StoppedTime()
    with machine_time_from(time):
        breaker = CircuitBreaker(least=1)
        breaker.failed()
        assert breaker.allow() == 5
        time.seconds += 6
        assert breaker.allow() == 0


def test_the_machine_s_own_time_is_back_after_the_simulation():
    before = epoch()
    with machine_time_from(StoppedTime()):
        assert epoch() == 1_000_000
    assert epoch() >= before
