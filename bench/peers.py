"""The peers: small honest builds of the same job, started from a scratch copy with dependencies of its own."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import jwt
from load import SESSIONS, LoadFailedError, Target, look, write_cookies

from portal_local.servers import NatsServer
from portal_local.servers.child import Child, Command
from portal_local.servers.ports import LOOPBACK, pick_port

VARIABLE: Final = "PORTAL_BENCH_PEERS"
DEFAULT: Final = Path(__file__).resolve().parents[2] / "shared" / "bench" / "peers"
PATH: Final = "/catalog?category=hosting&currency=EUR&limit=30"
PEERS_SECRET: Final = "perf-anchor-secret-not-a-real-one-0123456789"  # noqa: S105 - stands in the peers' sources
FIXED_BUS: Final = "nats://127.0.0.1:4222"
BUS_VARIABLE: Final = "PEERS_NATS_URL"
READY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Peer:
    """One build: how its gateway and its service are started, with `{port}` and `{python}` to fill in."""

    label: str
    folder: str
    gateway: tuple[str, ...]
    service: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


NEST: Final = Peer(
    "N2 NestJS/Fastify", "nest", ("node", "dist/gateway-fastify.js"), ("node", "dist/service.js"), {"PORT": "{port}"}
)
FASTAPI: Final = Peer(
    "P1 FastAPI/FastStream",
    "python",
    (
        *("{python}", "-m", "uvicorn", "gateway:app", "--host", "127.0.0.1", "--port", "{port}"),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ),
    ("{python}", "service.py"),
    {"SVC": "fs"},
)


def source_of_peers() -> Path | None:
    """Give the folder of the peers' sources; None when it is not there."""
    path = Path(os.environ.get(VARIABLE) or DEFAULT)
    return path if (path / "nest" / "package.json").is_file() else None


def set_up_peers(source: Path, folder: Path) -> Path:
    """Copy and build the peers once; a change of their sources makes a new copy."""
    digest = hashlib.sha256()
    for path in sorted(one for one in source.rglob("*") if one.is_file()):
        digest.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes())
    mark = folder / ".built"
    if mark.is_file() and mark.read_text(encoding="utf-8") == digest.hexdigest():
        return folder
    print(f"building the peers in {folder} (once)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    # copyfile: the shared folder may be read-only, and a copied mode would make the copy so
    shutil.copytree(source, folder, copy_function=shutil.copyfile)
    for path in (folder, *(one for one in folder.rglob("*") if one.is_dir())):
        path.chmod(0o755)
    _unfix_the_bus(folder)
    nest, python = folder / "nest", folder / "python"
    _run(("npm", "ci", "--no-audit", "--no-fund"), nest)
    _run(("npx", "tsc", "-p", "tsconfig.json"), nest)
    _run((sys.executable, "-m", "venv", "venv"), folder)
    requirements = str(python / "requirements.txt")
    _run(("venv/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", requirements), folder)
    mark.write_text(digest.hexdigest(), encoding="utf-8")
    return folder


def _unfix_the_bus(folder: Path) -> None:
    """Let the peers read the bus's URL from the environment: their sources fix a port that may be taken."""
    for path, expression in (
        ("python/gateway.py", f'os.environ["{BUS_VARIABLE}"]'),
        ("python/service.py", f'os.environ["{BUS_VARIABLE}"]'),
        ("nest/src/app.ts", f"process.env.{BUS_VARIABLE} as string"),
        ("nest/src/service.ts", f"process.env.{BUS_VARIABLE} as string"),
    ):
        text = (folder / path).read_text(encoding="utf-8")
        for quoted in (f'"{FIXED_BUS}"', f"'{FIXED_BUS}'"):
            text = text.replace(quoted, expression)
        (folder / path).write_text(text, encoding="utf-8")


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LoadFailedError(f"{command[0]} is missing; the peers need Node 20 or later and Python 3.11") from None
    if done.returncode:
        raise LoadFailedError(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()[-2000:]}")


def peers_cookies(path: Path) -> Path:
    """Sign tokens of many sessions, as the peers expect them."""
    now = int(time.time())
    claims = {"roles": ["customer", "billing"], "aud": "portal", "iss": "bff", "iat": now, "exp": now + 86_400}
    return write_cookies(
        path,
        [
            "session=" + jwt.encode(claims | {"sub": f"cust-{number:06d}", "sid": f"s-{number:012x}"}, PEERS_SECRET)
            for number in range(SESSIONS)
        ],
    )


class RunningPeer:
    """A peer with a NATS server of its own: `with RunningPeer(...) as peer`."""

    def __init__(self, peer: Peer, built: Path, scratch: Path, delay_seconds: float = 0.0) -> None:
        """Nothing starts yet. With a delay its service sleeps that long before it answers."""
        self._peer = peer
        self._built = built
        self._scratch = scratch
        self._delay = delay_seconds
        self._nats = NatsServer(scratch / "peers-nats")
        self._port = pick_port()
        self._children: dict[str, Child] = {}
        self.cookies = peers_cookies(scratch / "peers-cookies")
        self.target = Target(f"http://{LOOPBACK}:{self._port}{PATH}", self.cookies)
        self.ready_seconds = 0.0
        self.answer_bytes = 0

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by role."""
        return {role: child.pid for role, child in self._children.items() if child.pid} | {"nats": self._nats.pid or 0}

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        self._nats.start()
        began = time.monotonic()
        try:
            self._launch("service", self._peer.service)
            self._launch("gateway", self._peer.gateway)
            self.answer_bytes = wait_for(lambda: look(self.target)[0])
        except BaseException:
            self.__exit__()
            raise
        self.ready_seconds = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        for child in self._children.values():
            child.end(patience=4.0)
        self._nats.kill()

    def _launch(self, role: str, arguments: Sequence[str]) -> None:
        fill = {"port": str(self._port), "python": str(self._built / "venv" / "bin" / "python")}
        own = {name: value.format(**fill) for name, value in self._peer.environment.items()}
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment |= {"NODE_ENV": "production", "PYTHONUNBUFFERED": "1", BUS_VARIABLE: self._nats.url}
        if role == "service" and self._delay:
            # P1 answers one at a time without this: its author's own remedy (the peers' variant H2)
            environment |= {"DELAY": str(self._delay), "WORKERS": "64"}
        child = Child(
            Command(
                name=f"{self._peer.label} {role}",
                arguments=tuple(argument.format(**fill) for argument in arguments),
                log_path=self._scratch / f"{self._peer.folder}-{role}.log",
                environment=environment | own,
                folder=self._built / self._peer.folder,
            )
        )
        child.launch()
        self._children[role] = child


def wait_for(ask: Callable[[], int], seconds: float = READY_SECONDS) -> int:
    """Ask again and again until there is an answer; raises what the last try raised."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (OSError, LoadFailedError):
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
