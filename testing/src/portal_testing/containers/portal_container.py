"""One container of the portal under test. All calls block."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from portal_local.servers.child import last_lines
from portal_local.servers.ports import LOOPBACK
from portal_testing.containers.recipe import Recipe

_STOP_SECONDS: Final = 8
"""As long as a deployment gives a service to finish what it is doing."""
_GONE_SECONDS: Final = 30


class PortalContainer:
    """Made by `create`; from then on it may be stopped and started, keeping what it has written."""

    def __init__(
        self, recipe: Recipe, *, name: str, network: Network, address: str, labels: Mapping[str, str], logs: Path
    ) -> None:
        """Nothing happens before `create`. `address` is where its ports are published, `logs` a folder."""
        self.recipe = recipe
        self._network = network
        self._address = address
        self._name = name
        self._labels = dict(labels)
        self._log_path = logs / f"{recipe.name}.log"
        self._made: DockerContainer | None = None

    def create(self) -> None:
        """Make the container and start it."""
        recipe = self.recipe
        hardening: dict[str, Any] = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
        made = DockerContainer(
            recipe.image,
            command=list(recipe.command) or None,  # type: ignore[arg-type]  # a list is what its own with_command takes
            env=dict(recipe.environment),
            name=self._name,
            network=self._network,
            network_aliases=[recipe.name],
            labels=self._labels,
            healthcheck={"test": ["NONE"]},  # the stack asks for itself; a probe of each every few seconds costs
            **(hardening if recipe.read_only else {}),
        )
        for inside, outside in recipe.ports.items():
            hosts = (self._address, LOOPBACK) if inside in recipe.on_loopback else (self._address,)
            made.ports[str(inside)] = [(host, outside) for host in hosts]  # type: ignore[assignment]  # docker's own form
        for path in recipe.files:
            made.with_volume_mapping(path, str(path), "ro")
        if recipe.read_only:
            made.with_tmpfs_mount("/tmp")  # noqa: S108 - the container's own
        self._made = made.start()

    @property
    def status(self) -> str:
        """Docker's word: `created`, `running`, `paused`, `exited` …; `missing` before it was made."""
        if self._made is None:
            return "missing"
        self._made.reload()
        return self._made.status

    @property
    def exit_code(self) -> int:
        """How it ended."""
        return int(self._wrapped.attrs["State"]["ExitCode"])

    def start(self) -> None:
        """Start it again after `kill` or `stop`."""
        self._wrapped.start()

    def kill(self) -> None:
        """End it with SIGKILL; returns when it is gone."""
        self._wrapped.kill()
        self._wrapped.wait(timeout=_GONE_SECONDS)

    def stop(self) -> None:
        """End it as a deployment does: SIGTERM, and force after eight seconds."""
        self._wrapped.stop(timeout=_STOP_SECONDS)

    def pause(self) -> None:
        """Freeze all of its processes."""
        self._wrapped.pause()

    def resume(self) -> None:
        """Let them go on."""
        self._wrapped.unpause()

    def remove(self) -> None:
        """End it and forget what it has written; its log stays in the folder of logs."""
        if self._made is not None:
            self._log_path.write_text(self.logs(), encoding="utf-8")
            self._made.stop()
            self._made = None

    def logs(self) -> str:
        """What it has written to its output."""
        return str(self._wrapped.logs().decode("utf-8", "replace"))

    def last_words(self) -> str:
        """The end of its log, readable."""
        self._log_path.write_text(self.logs(), encoding="utf-8")
        return last_lines(self._log_path)

    def read_file(self, path: str) -> bytes:
        """Copy a file out of it."""
        chunks, _ = self._wrapped.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            return member.read() if member is not None else b""

    def run(self, *command: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
        """Run a program in it; its exit code and output."""
        code, output = self._wrapped.exec_run(list(command), environment=environment)
        return int(code), output.decode("utf-8", "replace")

    @property
    def _wrapped(self) -> Any:
        if self._made is None:
            raise RuntimeError(f"the container {self.recipe.name} was not made")
        return self._made.get_wrapped_container()
