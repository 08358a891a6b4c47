# ruff: noqa: INP001 - a script, in no package
"""Builds the portal's images: `build.py stand-ins` makes local base images, `build.py services [--local] [name…]` ours.

Ours are called `portal/<name>:<PORTAL_IMAGE_TAG>`, stand-ins `portal-local/<name>:local`. Nothing of this machine's
network ends in an image or in the sources: its certificate authorities lie in a temporary copy that only builder stages
see. `build.py measure` prints sizes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from portal_local.services import BUS_ADMIN, SANDBOX, SERVICES, VIEWER, modules

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
DEBIAN: Final = "portal-local/debian:bookworm"
_SUITES: Final = (
    "deb http://deb.debian.org/debian bookworm main",
    "deb http://deb.debian.org/debian bookworm-updates main",
    "deb http://deb.debian.org/debian-security bookworm-security main",
)
# As the official slim images: no manuals and translations, but every package's copyright.
_LEFT_OUT: Final = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*")
_SOURCES: Final = ("chassis", "connectors", "contracts", "deploy", "operators", "sandbox", "services", "testing")
_NOT_COPIED: Final = shutil.ignore_patterns("tests", "__pycache__", ".*_cache", "samples", "docs", ".local", ".venv")
_READY_SECONDS: Final = 60
STAND_INS: Final = {
    "python": "portal-local/python:3.11",
    "build": "portal-local/python-build:3.11",
    "nats": "portal-local/nats:local",
    "postgres": "portal-local/postgres:local",
    "redis": "portal-local/redis:local",
    "proxy": "portal-local/haproxy:local",
}
"""Image by target of stand-ins/Dockerfile."""


@dataclass(frozen=True)
class Member:
    """One image of ours."""

    name: str
    module: str
    probe_url: str = ""
    """Where it says whether it is ready, if not where the chassis does."""
    foundation: str = "chassis"

    @property
    def image(self) -> str:
        """Its full name."""
        return f"portal/{self.name}:{os.environ.get('PORTAL_IMAGE_TAG') or 'local'}"

    @property
    def package(self) -> str:
        """The workspace member it holds."""
        return self.module.replace("_", "-")


def members() -> list[Member]:
    """Give every image of ours: the local stack's processes and the operators' command line."""
    processes = [Member(one.name, one.module) for one in SERVICES]
    sandbox = Member(SANDBOX, modules()[SANDBOX], "http://127.0.0.1:8100/healthz", "runtime")
    viewer = Member(VIEWER, modules()[VIEWER], "http://127.0.0.1:4318/healthz", "runtime")
    return [sandbox, viewer, Member(BUS_ADMIN, modules()[BUS_ADMIN]), *processes, Member("operator", "portal_operator")]


def build_stand_ins() -> None:
    """Make the Debian base if it is missing, then every stand-in."""
    if not _exists(DEBIAN):
        _timed(DEBIAN, _import_debian)
    with snapshot() as sources:
        for target, image in STAND_INS.items():
            options = ("--target", target, "--label", "portal.image=stand-in")
            _timed(image, partial(_build, sources, image, "stand-ins/Dockerfile", *options))


def build_services(names: Sequence[str], *, local: bool) -> None:
    """Build these members (all by default), on stand-ins or on public base images. The first one fills the cache."""
    bases = {"PYTHON_IMAGE": STAND_INS["python"], "BUILD_IMAGE": STAND_INS["build"]} if local else {}
    known = {one.name: one for one in members()}
    first, *others = [known[name] for name in names] or known.values()
    with snapshot() as sources, ThreadPoolExecutor(2) as pool:
        _build_member(sources, first, bases)
        list(pool.map(lambda one: _build_member(sources, one, bases), others))


@contextmanager
def snapshot() -> Iterator[Path]:
    """Copy what images are built from, so that all of one run hold the same sources whoever edits meanwhile.

    Where SSL_CERT_FILE names this machine's certificate authorities, builder stages find them beside the sources.
    """
    with TemporaryDirectory(prefix="portal-images-") as folder:
        copy = Path(folder)
        for name in ("pyproject.toml", "uv.lock", ".dockerignore"):
            shutil.copyfile(ROOT / name, copy / name)
        for name in _SOURCES:
            shutil.copytree(ROOT / name, copy / name, ignore=_NOT_COPIED)
        if authorities := os.environ.get("SSL_CERT_FILE"):
            shutil.copyfile(authorities, copy / "deploy" / "images" / "authorities.pem")
        yield copy


def _build_member(sources: Path, member: Member, bases: Mapping[str, str]) -> None:
    arguments = {
        **bases,
        "PACKAGE": member.package,
        "MODULE": member.module,
        "FOUNDATION": member.foundation,
        "PROBE_URL": member.probe_url,
        "REVISION": _revision(),
        "INDEX_URL": os.environ.get("UV_DEFAULT_INDEX", ""),
    }
    options = [f"--build-arg={name}={value}" for name, value in arguments.items() if value]
    _timed(member.image, partial(_build, sources, member.image, "Dockerfile", *options))


def _import_debian() -> None:
    if shutil.which("mmdebstrap") is None:
        _run("apt-get", "install", "-y", "-q", "mmdebstrap")
    left_out = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    command = ["mmdebstrap", "--quiet", "--variant=apt", *left_out, "--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    with subprocess.Popen([*command, "bookworm", "-", *_SUITES], stdout=subprocess.PIPE) as making:  # noqa: S603 - no shell
        _run("docker", "import", "-c", 'LABEL portal.image="stand-in"', "-", DEBIAN, stdin=making.stdout)
    if making.returncode != 0:
        raise SystemExit(f"mmdebstrap ended with {making.returncode}")


def _build(sources: Path, image: str, dockerfile: str, *options: str) -> None:
    path = sources / "deploy" / "images" / dockerfile
    _run("docker", "build", "--tag", image, "--file", str(path), *options, str(sources))


def _exists(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0  # noqa: S603, S607 - no shell


def _revision() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - no shell
    return done.stdout.strip() or "unknown"


def _run(*command: str, stdin: IO[bytes] | None = None) -> None:
    done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def _timed(what: str, work: Callable[[], None]) -> None:
    began = time.monotonic()
    work()
    sys.stdout.write(f"  {what:<36}{time.monotonic() - began:6.1f} s\n")
    sys.stdout.flush()


def _ask_docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607 - no shell


def size(image: str) -> int | None:
    """Bytes of an image; None for one that was not built."""
    try:
        return int(_ask_docker("image", "inspect", "--format", "{{.Size}}", image))
    except subprocess.CalledProcessError:
        return None


def container_of(image: str) -> str | None:
    """A running container of an image."""
    found = _ask_docker(
        "ps", "--quiet", "--filter", f"ancestor={image}", "--filter", "label=com.docker.compose.project=portal"
    )
    return found.split("\n")[0] or None


def cold_start(container: str) -> float:
    """Restart a container and give the seconds from its process's start until its probe says yes."""
    _ask_docker("restart", "--time", "15", container)
    started = json.loads(_ask_docker("inspect", "--format", "{{json .State.StartedAt}}", container))
    begun = datetime.fromisoformat(started[:26].rstrip("Z")).replace(tzinfo=UTC)
    give_up = time.monotonic() + _READY_SECONDS
    probe = ["docker", "exec", container, "/app/bin/healthy"]
    while subprocess.run(probe, capture_output=True, check=False).returncode != 0:  # noqa: S603 - no shell
        if time.monotonic() > give_up:
            raise SystemExit(f"{container} did not get ready")
        time.sleep(0.05)
    return (datetime.now(UTC) - begun).total_seconds()


def measure(*, starts: bool) -> None:
    """Print each image's size and, with `starts`, how long its container of the portal that runs takes to be ready."""
    sys.stdout.write(f"\n{'image':<32}{'size':>8}{'ready after':>14}\n")
    for member in members():
        if (stored := size(member.image)) is None:
            continue
        container = container_of(member.image) if starts else None
        start = f"{cold_start(container):10.1f} s" if container else ""
        sys.stdout.write(f"{member.image:<32}{stored / 1e6:5.0f} MB{start:>14}\n")
        sys.stdout.flush()


def main() -> None:
    """Build what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stand-ins")
    services = commands.add_parser("services")
    services.add_argument("--local", action="store_true", help="on the stand-ins instead of public base images")
    services.add_argument("names", nargs="*", choices=[[], *(one.name for one in members())], metavar="name")
    commands.add_parser("measure").add_argument("--starts", action="store_true", help="restart what runs, too")
    arguments = parser.parse_args()
    match arguments.command:
        case "stand-ins":
            build_stand_ins()
        case "services":
            build_services(arguments.names, local=arguments.local)
        case _:
            measure(starts=arguments.starts)


if __name__ == "__main__":
    main()
