"""Which TCP ports the portal takes on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

from portal_local.errors import LocalError
from portal_local.servers.ports import pick_port

VARIABLES: Mapping[str, str] = {
    "gateway": "PORTAL_GATEWAY_PORT",
    "viewer": "PORTAL_VIEWER_PORT",
    "control": "SANDBOX_CONTROL_PORT",
    "salesforce": "SANDBOX_SALESFORCE_PORT",
    "salesforce_tls": "SANDBOX_SALESFORCE_TLS_PORT",
    "pubsub": "SANDBOX_PUBSUB_PORT",
    "whmcs": "SANDBOX_WHMCS_PORT",
    "freebit": "SANDBOX_FREEBIT_PORT",
    "sendgrid": "SANDBOX_SENDGRID_PORT",
    "openid": "SANDBOX_OPENID_PORT",
}
"""The environment variable that moves each port a person uses."""


@dataclass(frozen=True)
class Ports:
    """Ports people use are fixed, so bookmarks stay; 0 picks a free one. All others are picked at every start."""

    gateway: int = 8080
    control: int = 8100
    salesforce: int = 8101
    salesforce_tls: int = 8102
    pubsub: int = 8103
    whmcs: int = 8104
    freebit: int = 8105
    sendgrid: int = 8106
    viewer: int = 8107
    openid: int = 8108
    nats: int = 0
    postgres: int = 0
    redis: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The fixed ones, moved by the variables above."""
        moved: dict[str, int] = {}
        for name, variable in VARIABLES.items():
            text = environment.get(variable, "")
            if not text:
                continue
            if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004 - the highest port there is
                raise LocalError(f"{variable} must be a port number, not {text!r}")
            moved[name] = int(text)
        return cls(**moved)

    @classmethod
    def picked(cls) -> Self:
        """None fixed: two stacks of one machine do not meet."""
        return cls(**{field.name: 0 for field in fields(cls)})

    def settled(self) -> Self:
        """The same with every 0 picked."""
        return replace(self, **{field.name: getattr(self, field.name) or pick_port() for field in fields(self)})

    def of_sandbox(self) -> Mapping[str, int]:
        """The sandbox's ports by vendor."""
        return {name: getattr(self, name) for name, variable in VARIABLES.items() if variable.startswith("SANDBOX_")}
