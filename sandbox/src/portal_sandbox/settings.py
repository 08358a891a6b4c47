import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

SwitchValue: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the sandbox reads from its environment. Port 0 lets the kernel pick. All credentials are fake."""

    data_dir: Path = Path(".portal/sandbox")
    in_memory: bool = False
    """Keeps all state in memory: nothing survives the process, nothing waits for a disk. Certificates still lie in
    `data_dir`, once ports are opened."""
    host: str = "127.0.0.1"
    tls_names: tuple[str, ...] = ()
    """Further names and addresses in the server certificate, beside localhost and the loopback addresses."""
    public_host: str = ""
    """The name callers use in URLs the sandbox hands out, when it differs from `host` (containers)."""
    control_port: int = 8100
    salesforce_port: int = 8101
    salesforce_tls_port: int = 8102
    pubsub_port: int = 8103
    whmcs_port: int = 8104
    freebit_port: int = 8105
    sendgrid_port: int = 8106
    openid_port: int = 8108

    salesforce_client_id: str = "sandbox-client-id"
    salesforce_username: str = "portal@sandbox.invalid"
    salesforce_staff_username: str = "staff@sandbox.invalid"
    salesforce_public_key_path: Path | None = None
    portal_url: str = ""
    """Where the org's signed call goes, the gateway's base URL; empty: the org says that none is set."""
    portal_key_id: str = "sandbox-key-1"
    portal_key: str = "c2FuZGJveC1wb3J0YWwta2V5LW9idmlvdXNseS1mYWtlLTAwMDE="
    """The text whose UTF-8 bytes are the HMAC key of the signed call."""
    whmcs_identifier: str = "sandbox-identifier"
    whmcs_secret: str = "sandbox-secret"  # noqa: S105 - obviously fake, part of the documented set-up
    whmcs_hook_url: str = ""
    whmcs_hook_secret: str = "sandbox-hook-secret"  # noqa: S105 - the same
    freebit_oem_id: str = "SANDBOX"
    freebit_oem_key: str = "sandbox-oem-key"
    sendgrid_api_key: str = "SG.sandbox-key"
    sendgrid_event_url: str = ""
    openid_client_id: str = "sandbox-openid-client"
    openid_client_secret: str = "sandbox-openid-secret"  # noqa: S105 - the same
    openid_client_key_path: Path | None = None
    """PEM certificate or public key of the client; with it the secret does not count."""
    openid_redirect_uri: str = ""
    """Where answers may go; empty: anywhere on loopback."""

    switches: Mapping[str, Mapping[str, SwitchValue]] = field(default_factory=dict)
    """Quirk switches that differ from their default from the start on, by vendor."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Reads `SANDBOX_<FIELD>` for every field; SANDBOX_SWITCHES is JSON. ValueError names what cannot be read."""
        found: dict[str, object] = {}
        for name in cls.__dataclass_fields__:
            text = environment.get(f"SANDBOX_{name.upper()}", "")
            if text:
                found[name] = _read(name, text)
        return cls(**found)  # type: ignore[arg-type]  # _read gives each field's own type


def _read(name: str, text: str) -> object:
    if name.endswith("_port"):
        if not text.isdigit():
            raise ValueError(f"SANDBOX_{name.upper()} must be a port number")
        return int(text)
    if name == "in_memory":
        if text not in ("true", "false"):
            raise ValueError("SANDBOX_IN_MEMORY must be true or false")
        return text == "true"
    if name in ("data_dir", "salesforce_public_key_path", "openid_client_key_path"):
        return Path(text)
    if name == "tls_names":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name == "switches":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError("SANDBOX_SWITCHES must be a JSON object") from error
    return text
