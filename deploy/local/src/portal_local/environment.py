"""What every process of a local portal finds in its environment: one table. Vendors are the sandbox.

A value of the file named by PORTAL_OVERRIDES_PATH (lines `NAME=value`) wins for every process: so a real Salesforce,
WHMCS, Freebit or SendGrid takes the sandbox's place, never because a variable happened to be exported in the shell.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portal_local.errors import LocalError
from portal_local.keys import Keys, ensure_mail_event_key
from portal_local.ports import Ports
from portal_local.servers.ports import LOOPBACK
from portal_local.services import LocalService

OVERRIDES_VARIABLE: Final = "PORTAL_OVERRIDES_PATH"
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "SSL_CERT_FILE")

# The sandbox's documented, obviously fake credentials.
SALESFORCE_CLIENT_ID: Final = "sandbox-client-id"
SALESFORCE_USERNAME: Final = "portal@sandbox.invalid"
SALESFORCE_STAFF_USERNAME: Final = "staff@sandbox.invalid"
WHMCS_IDENTIFIER: Final = "sandbox-identifier"
WHMCS_SECRET: Final = "sandbox-secret"  # noqa: S105 - obviously fake
WHMCS_HOOK_SECRET: Final = "sandbox-hook-secret"  # noqa: S105 - obviously fake
FREEBIT_OEM_ID: Final = "SANDBOX"
FREEBIT_OEM_KEY: Final = "sandbox-oem-key"
_SENDGRID_API_KEY: Final = "SG.sandbox-key"
OPENID_CLIENT_ID: Final = "sandbox-openid-client"
OPENID_CLIENT_SECRET: Final = "sandbox-openid-secret"  # noqa: S105 - obviously fake
PORTAL_PRICEBOOK_ID: Final = "01sSd0000000001IAA"

_LOOKS: Final = [2.5, 5, 10, 20, 40, 60, 120, 300, 600]
_CALLS_WITHOUT_A_SESSION: Final = ("CATALOG_READS", "CARTS", "ACCOUNT_CALLS", "MACHINE_CALLS")
SIM_PLANS: Final = Path(__file__).with_name("sim_plans.sandbox.toml")


@dataclass(frozen=True)
class Ground:
    """What the table is filled from."""

    state: Path
    keys: Keys
    ports: Ports
    nats_url: str
    redis_urls: Mapping[str, str]
    database_urls: Mapping[str, str]
    whmcs_fields: Path
    overrides: dict[str, str]
    host: str = LOOPBACK
    """Where everybody reaches the ports of the gateway and the sandbox."""
    observed: bool = False
    """Whether there is a viewer, which gets every trace and every log line."""

    @property
    def sandbox_data(self) -> Path:
        """Where the sandbox keeps its file and its certificate authority."""
        return self.state / "sandbox"

    @property
    def authority(self) -> Path:
        """The certificate authority of the sandbox's TLS ports."""
        return self.sandbox_data / "tls" / "ca.pem"

    @property
    def public_url(self) -> str:
        """Where browsers of this machine find the portal: by name, as a passkey cannot belong to an IP address."""
        return f"http://localhost:{self.ports.gateway}"

    def url(self, name: str) -> str:
        """The base URL of the gateway or of one of the sandbox's ports."""
        address = f"{self.host}:{getattr(self.ports, name)}"
        if name == "pubsub":  # gRPC names host and port alone
            return address
        return f"https://{address}" if name == "salesforce_tls" else f"http://{address}"


def inherited() -> dict[str, str]:
    """The part of our own environment every process gets: never a vendor's credentials from somebody's shell."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def read_overrides() -> dict[str, str]:
    """The file named by PORTAL_OVERRIDES_PATH; nothing without one."""
    path = os.environ.get(OVERRIDES_VARIABLE)
    if not path:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LocalError(f"{OVERRIDES_VARIABLE}: {path} cannot be read") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or not name.replace("_", "").isalnum():
            raise LocalError(f"{path}, line {number}: expected NAME=value")
        found[name] = value.strip().strip('"')
    return found


def of_sandbox(ground: Ground) -> dict[str, str]:
    """The sandbox's environment."""
    ports = {f"SANDBOX_{name.upper()}_PORT": str(port) for name, port in ground.ports.of_sandbox().items()}
    return (
        inherited()
        | ports
        | {
            "SANDBOX_DATA_DIR": str(ground.sandbox_data),
            "SANDBOX_HOST": LOOPBACK,
            "SANDBOX_SALESFORCE_CLIENT_ID": SALESFORCE_CLIENT_ID,
            "SANDBOX_SALESFORCE_USERNAME": SALESFORCE_USERNAME,
            "SANDBOX_SALESFORCE_PUBLIC_KEY_PATH": str(ground.keys.salesforce_public),
            "SANDBOX_WHMCS_IDENTIFIER": WHMCS_IDENTIFIER,
            "SANDBOX_WHMCS_SECRET": WHMCS_SECRET,
            "SANDBOX_WHMCS_HOOK_URL": f"{ground.url('gateway')}/hooks/whmcs",
            "SANDBOX_WHMCS_HOOK_SECRET": WHMCS_HOOK_SECRET,
            "SANDBOX_FREEBIT_OEM_ID": FREEBIT_OEM_ID,
            "SANDBOX_FREEBIT_OEM_KEY": FREEBIT_OEM_KEY,
            "SANDBOX_SENDGRID_API_KEY": _SENDGRID_API_KEY,
            "SANDBOX_OPENID_CLIENT_ID": OPENID_CLIENT_ID,
            "SANDBOX_OPENID_CLIENT_SECRET": OPENID_CLIENT_SECRET,
            "SANDBOX_SENDGRID_EVENT_URL": f"{ground.url('gateway')}/hooks/sendgrid",
            "SANDBOX_PORTAL_URL": ground.url("gateway"),
            "SANDBOX_PORTAL_KEY_ID": ground.keys.signed_call_key_id,
            "SANDBOX_PORTAL_KEY": ground.keys.signed_call_key(),
        }
        | {name: value for name, value in ground.overrides.items() if name.startswith("SANDBOX_")}
    )


def of_viewer(ground: Ground, metrics_urls: Mapping[str, str]) -> dict[str, str]:
    """The viewer's environment; `metrics_urls` are read by name."""
    return inherited() | {
        "VIEWER_HOST": LOOPBACK,
        "VIEWER_PORT": str(ground.ports.viewer),
        "VIEWER_SCRAPE": ",".join(f"{name}={url}" for name, url in metrics_urls.items()),
    }


def of_bus_admin(ground: Ground, name: str, health_port: int) -> dict[str, str]:
    """The bus admin's environment."""
    return _of_every_process(ground, name, health_port) | ground.overrides


def of_service(ground: Ground, service: LocalService, health_port: int) -> dict[str, str]:
    """A service's environment: what all have, what its kind needs, then the overrides."""
    table = _of_every_process(ground, service.name, health_port)
    if service.database:
        table["PORTAL_DATABASE_URL"] = ground.database_urls[service.name]
    if service.cache:
        table["PORTAL_REDIS_URL"] = ground.redis_urls[service.name]
    if service.salesforce:
        table |= _salesforce(ground)
    if service.whmcs:
        table |= _whmcs(ground)
    if service.freebit:
        table |= {
            "FREEBIT_BASE_URL": f"{ground.url('freebit')}/emptool/api",
            "FREEBIT_OEM_ID": FREEBIT_OEM_ID,
            "FREEBIT_OEM_KEY": FREEBIT_OEM_KEY,
        }
    if service.sendgrid:
        table |= {
            "SENDGRID_BASE_URL": ground.url("sendgrid"),
            "SENDGRID_API_KEY": _SENDGRID_API_KEY,
            "SENDGRID_EVENT_PUBLIC_KEY": ensure_mail_event_key(ground.sandbox_data / "sendgrid-event.key"),
            "MAIL_FROM": "portal@example.jp",
            "MAIL_SUPPORT_CC": "support@example.jp",
        }
    return table | OWN.get(service.name, {}) | _own_paths(ground, service.name) | ground.overrides


OWN: Final[Mapping[str, dict[str, str]]] = {
    # A developer waits seconds where the real vendors' ceilings ask for minutes.
    "billing": {"PORTAL_WHMCS_QUIET_SECONDS": "3"},
    "orders": {"PORTAL_SWEEP_SECONDS": "5"},
    "support": {"PORTAL_CASE_WATCH_SECONDS": "3"},
    "fulfillment": {
        "PORTAL_RECHECK_SECONDS": "30",
        "PORTAL_FREEBIT_QUIET_SECONDS": "10",
        "PORTAL_FREEBIT_SILENCE_SECONDS": "60",
        "PORTAL_SIM_PLANS_PATH": str(SIM_PLANS),
        # The sandbox's Freebit works for two seconds where the real one takes ten minutes: when to look, in seconds.
        "PORTAL_FREEBIT_TABLES": json.dumps({"look_after": dict.fromkeys(("minutes", "notified_by_file"), _LOOKS)}),
    },
    # Nobody stands before the local gateway, so no proxy is trusted and the peer's own address counts.
    "gateway": {
        "PORTAL_COOKIE_SECURE": "false",
        "PORTAL_SIGNED_CALLERS": "127.0.0.0/8,::1/128",
        # Everybody here is one address: demos, journeys and measurements. The limits count, but are never reached.
        **{f"PORTAL_{calls}_A_MINUTE_PER_ADDRESS": "100000000" for calls in _CALLS_WITHOUT_A_SESSION},
    },
}


def _own_paths(ground: Ground, name: str) -> dict[str, str]:
    match name:
        case "identity":
            return {
                "PORTAL_ACTOR_PRIVATE_KEY_PATH": str(ground.keys.actor_private),
                "PORTAL_ACTOR_KEY_ID": ground.keys.actor_key_id,
                "PORTAL_IDENTITY_KEY_PATH": str(ground.keys.identity),
            } | _identity_provider(ground)
        case "fulfillment":
            return {"PORTAL_FULFILLMENT_KEY_PATH": str(ground.keys.fulfillment)}
        case "gateway":
            return {
                "PORTAL_GATEWAY_HOST": LOOPBACK,
                "PORTAL_GATEWAY_PORT": str(ground.ports.gateway),
                "PORTAL_SIGNED_CALL_KEYS_PATH": str(ground.keys.signed_calls),
                # The one certificate there is here; in production the TLS proxy's and Salesforce's.
                "PORTAL_CERTIFICATES": json.dumps(
                    [{"name": "sandbox", "endpoint": ground.url("salesforce_tls").removeprefix("https://")}]
                ),
            }
        case _:
            return {}


def _identity_provider(ground: Ground) -> dict[str, str]:
    """The sandbox's eKYC provider, where the overrides have one verify (C26); nobody asks it otherwise."""
    if "external" not in ground.overrides.get("PORTAL_VERIFICATION_METHODS", ""):
        return {}
    return {
        "PORTAL_IDENTITY_PROVIDER_ISSUER": ground.url("openid"),
        "PORTAL_IDENTITY_PROVIDER_CLIENT_ID": OPENID_CLIENT_ID,
        "PORTAL_IDENTITY_PROVIDER_CLIENT_SECRET": OPENID_CLIENT_SECRET,
    }


def _of_every_process(ground: Ground, name: str, health_port: int) -> dict[str, str]:
    return (
        inherited()
        | (_observed(ground) if ground.observed else {})
        | {
            "PORTAL_ENVIRONMENT": "development",
            "PORTAL_NATS_URL": ground.nats_url,
            "PORTAL_NATS_SEED_PATH": str(ground.keys.actor_private.parent / "bus" / f"{name}.seed"),
            "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(ground.keys.actor_public),
            "PORTAL_CLOCK": "sandbox",
            "PORTAL_SANDBOX_CONTROL_URL": ground.url("control"),
            "PORTAL_HEALTH_PORT": str(health_port),
            "PORTAL_LOG_LEVEL": "INFO",
            "PORTAL_PUBLIC_URL": ground.public_url,
        }
    )


def _observed(ground: Ground) -> dict[str, str]:
    viewer = ground.url("viewer")
    return {"PORTAL_TRACE_ENDPOINT": viewer, "PORTAL_LOG_ENDPOINT": viewer, "PORTAL_TRACE_RATIO": "1"}


def _salesforce(ground: Ground) -> dict[str, str]:
    return {
        "SF_LOGIN_URL": ground.url("salesforce_tls"),
        "SF_CLIENT_ID": SALESFORCE_CLIENT_ID,
        "SF_USERNAME": SALESFORCE_USERNAME,
        "SF_PRIVATE_KEY_PATH": str(ground.keys.salesforce_private),
        "SF_CA_BUNDLE": str(ground.authority),
        "SF_PUBSUB_ENDPOINT": ground.url("pubsub"),
        "PORTAL_PRICEBOOK_ID": PORTAL_PRICEBOOK_ID,
    }


def _whmcs(ground: Ground) -> dict[str, str]:
    return {
        "WHMCS_API_URL": f"{ground.url('whmcs')}/includes/api.php",
        "WHMCS_IDENTIFIER": WHMCS_IDENTIFIER,
        "WHMCS_SECRET": WHMCS_SECRET,
        "WHMCS_HOOK_SECRET": WHMCS_HOOK_SECRET,
        "WHMCS_FIELDS_PATH": str(ground.whmcs_fields),
        "WHMCS_PAYMENT_METHOD": "stripe",
        "WHMCS_PUBLIC_HOST": LOOPBACK,
    }
