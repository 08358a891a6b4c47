"""The Date header of a vendor's answers, and a vendor whose clock is wrong."""

import time
from email.utils import formatdate

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal_sandbox.core.switches import Switches

SWITCH = "dateSkewSeconds"


def dated(app: ASGIApp, switches: Switches, vendor: str) -> ASGIApp:
    """Gives each answer a Date on the machine clock, off by the vendor's switch."""
    switches.declare(vendor, SWITCH, 0, "How far the Date of answers is ahead of the machine clock, in seconds.")

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = time.time() + switches.number(vendor, SWITCH)
                MutableHeaders(scope=message)["Date"] = formatdate(now, usegmt=True)
            await send(message)

        await app(scope, receive, send_dated)

    return answer
