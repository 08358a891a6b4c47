"""From the tables to the processes of one stack."""

from collections.abc import Callable, Sequence
from pathlib import Path

from portal_local import environment, services
from portal_local.environment import Ground
from portal_local.managed import PythonProcess
from portal_local.servers.ports import LOOPBACK, pick_port

Plan = Callable[[Ground, Path], Sequence[PythonProcess]]
"""Gives every Python process from the ground and the folder of logs."""


def whole_portal(ground: Ground, logs: Path) -> Sequence[PythonProcess]:
    """The sandbox, the bus admin, every service and the gateway; and the viewer, where somebody looks."""
    measured = (_bus_admin(ground, logs), *_services(ground, logs))
    viewer = (_viewer(ground, logs, measured),) if ground.observed else ()
    return (_sandbox(ground, logs), *measured, *viewer)


def _sandbox(ground: Ground, logs: Path) -> PythonProcess:
    return PythonProcess(
        name=services.SANDBOX,
        arguments=("-m", services.modules()[services.SANDBOX]),
        environment=environment.of_sandbox(ground),
        ready_url=f"{ground.url('control')}/healthz",
        log_path=logs / f"{services.SANDBOX}.log",
        ports=tuple(ground.ports.of_sandbox().values()),
    )


def _bus_admin(ground: Ground, logs: Path) -> PythonProcess:
    port = pick_port()
    return PythonProcess(
        name=services.BUS_ADMIN,
        arguments=("-m", services.modules()[services.BUS_ADMIN]),
        environment=environment.of_bus_admin(ground, services.BUS_ADMIN, port),
        ready_url=_ready_url(port),
        log_path=logs / f"{services.BUS_ADMIN}.log",
        ports=(port,),
    )


def _viewer(ground: Ground, logs: Path, measured: Sequence[PythonProcess]) -> PythonProcess:
    urls = {one.name: one.ready_url.replace("/readyz", "/metrics") for one in measured}
    return PythonProcess(
        name=services.VIEWER,
        arguments=("-m", services.modules()[services.VIEWER]),
        environment=environment.of_viewer(ground, urls),
        ready_url=f"{ground.url('viewer')}/healthz",
        log_path=logs / f"{services.VIEWER}.log",
        ports=(ground.ports.viewer,),
    )


def _services(ground: Ground, logs: Path) -> list[PythonProcess]:
    found = []
    for service in services.SERVICES:
        port = pick_port()
        own = (ground.ports.gateway,) if service.name == services.GATEWAY else ()
        found.append(
            PythonProcess(
                name=service.name,
                arguments=("-m", service.module),
                environment=environment.of_service(ground, service, port),
                ready_url=_ready_url(port),
                log_path=logs / f"{service.name}.log",
                ports=(port, *own),
            )
        )
    return found


def _ready_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}/readyz"
