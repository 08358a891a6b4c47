"""A service process that answers slowly, for tests that end it: `python answering_program.py`."""

import asyncio

from portal_chassis.bus import Call
from portal_chassis.service import Service, run
from portal_contracts.support import OpenStaffCase, StaffCase


async def wire(service: Service) -> None:
    """Answer one request, every tenth one after a while."""
    count = 0

    @service.bus.answers(OpenStaffCase)
    async def open_case(message: OpenStaffCase, _call: Call) -> StaffCase:
        nonlocal count
        count += 1
        await asyncio.sleep(0.4 if count % 10 == 0 else 0.005)
        return StaffCase(case_id="500000000000001AAA")


if __name__ == "__main__":
    run("support", wire)
