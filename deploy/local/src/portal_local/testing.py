"""Small stand-ins for the portal's processes, so that the supervisor is tested without waiting for them.

`python -m portal_local.testing serve <port> fine|crash|deaf` is one process; `… up <name>:<mode>…` runs the
supervisor's `up` in the state folder of the environment with such processes.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from portal_local.environment import Ground, inherited
from portal_local.managed import PythonProcess
from portal_local.plan import Plan
from portal_local.ports import Ports
from portal_local.servers.ports import pick_port
from portal_local.state import StateFolder
from portal_local.up import up


def fake_plan(**modes: str) -> Plan:
    """Processes by name: `fine` ones, a `crash` at the start, one `deaf` to SIGTERM."""

    def plan(_ground: Ground, logs: Path) -> Sequence[PythonProcess]:
        return [_process(name, mode, logs) for name, mode in modes.items()]

    return plan


def _process(name: str, mode: str, logs: Path) -> PythonProcess:
    port = pick_port()
    return PythonProcess(
        name=name,
        arguments=("-m", "portal_local.testing", "serve", str(port), mode),
        environment=inherited(),
        ready_url=f"http://127.0.0.1:{port}/readyz",
        log_path=logs / f"{name}.log",
        ports=(port,),
    )


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def _serve(port: int, mode: str) -> None:
    sys.stdout.write("started\n")
    if mode == "crash":
        sys.exit("the settings are wrong")
    stopping = asyncio.Event()
    if mode != "deaf":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    async with await asyncio.start_server(_answer, "127.0.0.1", port):
        await stopping.wait()


def main() -> int:
    """Run what the arguments say."""
    match sys.argv[1:]:
        case ["serve", port, mode]:
            asyncio.run(_serve(int(port), mode))
            return 0
        case ["up", *processes]:
            plan = fake_plan(**dict(one.split(":") for one in processes))
            return asyncio.run(up(StateFolder.from_environment(), ports=Ports.picked(), plan=plan, operator=False))
        case _:
            return 2


if __name__ == "__main__":
    sys.exit(main())
