"""Business time and machine time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal_chassis.clocks import RealClock, SandboxClock, SystemMachineClock, business_clock
from portal_chassis.settings import ChassisSettings
from portal_chassis.testing import ManualClock
from portal_contracts.problems import Misconfigured


def test_the_business_date_is_tokyos():
    clock = ManualClock(datetime(2026, 3, 31, 15, 0, tzinfo=UTC))
    assert clock.today() == date(2026, 4, 1)
    clock = ManualClock(datetime(2026, 3, 31, 14, 59, tzinfo=UTC))
    assert clock.today() == date(2026, 3, 31)


def test_real_time_is_aware_and_close_to_now():
    for now in (RealClock().now(), SystemMachineClock().now()):
        assert now.tzinfo is UTC
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_movable_clock_is_refused_in_production():
    settings = ChassisSettings(environment="production", clock="sandbox", sandbox_control_url="http://127.0.0.1:1")
    with pytest.raises(Misconfigured):
        business_clock(settings)
    with pytest.raises(Misconfigured):
        business_clock(ChassisSettings(environment="development", clock="sandbox"))
    assert isinstance(business_clock(ChassisSettings(environment="production")), RealClock)
    movable = business_clock(
        ChassisSettings(environment="development", clock="sandbox", sandbox_control_url="http://127.0.0.1:1")
    )
    assert isinstance(movable, SandboxClock)


async def test_moving_tells_watchers():
    clock = ManualClock()
    told = []
    clock.moved.subscribe(lambda: told.append(clock.now()))
    before = clock.now()
    clock.advance(timedelta(days=3))
    assert told == [before + timedelta(days=3)]
    assert clock.monotonic() == 1000.0 + timedelta(days=3).total_seconds()
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
