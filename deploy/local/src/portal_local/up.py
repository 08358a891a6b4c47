"""`up`: the portal in the foreground until Ctrl-C."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from portal_local.errors import LocalError
from portal_local.plan import Plan, whole_portal
from portal_local.ports import Ports
from portal_local.progress import Progress, say
from portal_local.sandbox_dataset import ready_customers
from portal_local.stack import LocalStack
from portal_local.state import StateFolder

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOWN_CUSTOMERS: Final = 5


async def up(
    state: StateFolder, *, ports: Ports | None = None, plan: Plan = whole_portal, operator: bool = True
) -> int:
    """Start everything, show where it is, watch it, and stop all of it when asked. Gives the exit code.

    `operator` has the first operator made where there is none, which needs a real identity in the plan.
    """
    began = time.monotonic()
    with Progress() as progress:
        stack = LocalStack(
            state.path, ports=ports or Ports.from_environment(), report=progress.note, plan=plan, observed=True
        )
        with stop_signals(stack) as stopping:
            if not await _started(stack, stopping):
                return 0
            progress.finish()
            viewer = stack.ground_laid().url("viewer")
            say(welcome(stack.ground_laid().public_url, stack.sandbox_urls, viewer, time.monotonic() - began))
            if operator:
                say(await _operator(stack))
            say("Ctrl-C stops everything. `make demo` in another terminal plays the main job.\n")
            await stopping.wait()
            asked = time.monotonic()
            say("stopping …")
            await stack.stop()
            say(f"stopped in {time.monotonic() - asked:.1f} s")
    return 0


async def _started(stack: LocalStack, stopping: asyncio.Event) -> bool:
    """Whether it started; False when somebody asked to stop meanwhile, and then nothing is left."""
    starting = asyncio.create_task(stack.start())
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait((starting, asked), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return False
    asked.cancel()
    starting.result()
    return True


@contextmanager
def stop_signals(stack: LocalStack) -> Iterator[asyncio.Event]:
    """Turn the signals that end us into an event; the second one ends everything at once."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            stack.kill_everything()
        stopping.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def welcome(gateway: str, sandbox: Mapping[str, str], viewer: str, seconds: float) -> str:
    """Where everything is, and whom to be."""
    places = {
        "Portal (gateway)": gateway,
        "API documentation": f"{gateway}/docs",
        "Sandbox": sandbox["control"],
        "Salesforce, staff": f"{sandbox['salesforce']}/staff",
        "WHMCS, client area": f"{sandbox['whmcs']}/clientarea.php",
        "Mailbox": f"{sandbox['sendgrid']}/mailbox",
        "Traces, metrics, logs": viewer,
    }
    lines = ["", f"The portal runs (ready in {seconds:.1f} s).", ""]
    lines += [f"  {name:<23}{url}" for name, url in places.items()]
    lines += ["", "Customer Numbers to sign up with (each once), and the e-mail on file:", ""]
    lines += [
        f"  {one.number}  {one.email:<32}{one.name}" + (f" ({one.eligible_for})" if one.eligible_for else "")
        for one in ready_customers()[:_SHOWN_CUSTOMERS]
    ]
    return "\n".join([*lines, ""])


async def _operator(stack: LocalStack) -> str:
    """Say where the operator's credentials lie; without one the portal runs as well."""
    from portal_local.operator_access import FILE, ensure_operator  # noqa: PLC0415 - not before everything runs

    try:
        found = await ensure_operator(stack.ground_laid())
    except LocalError as error:
        return f"{error}\n"
    return (
        f"To operate it: {found.email}, with what {stack.state.path / FILE} says;\n"
        "`.venv/bin/python -m portal_local operator` shows the one-time code of now.\n"
    )
