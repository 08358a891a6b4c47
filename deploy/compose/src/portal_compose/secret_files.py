"""Makes the files below `.local/`: what every container finds at /run/secrets, one folder per container.

Files whose names are variables (`PORTAL_DATABASE_URL`) become those variables inside the process and nowhere else; the
others are named by settings. The folder above is closed to others; the files in it are readable, because the user of
the containers is nobody on this machine. Running it again keeps what is there and writes what follows from it anew.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from portal_bus_admin.identities import ADMIN, OPERATOR, create_keys
from portal_bus_admin.server_config import nats_server_config
from portal_local.environment import SIM_PLANS
from portal_local.keys import Keys, ensure_keys, ensure_mail_event_key
from portal_local.sandbox_dataset import whmcs_fields
from portal_local.servers.postgres_roles import roles_script
from portal_local.servers.redis_users import redis_acl
from portal_local.services import SERVICES, LocalService
from portal_local.state import StateFolder
from portal_sandbox.core.tls import ensure_certificates
from portal_sandbox.settings import Settings as SandboxSettings

SANDBOX_NAME: Final = "sandbox.localhost"
PORTAL_NAMES: Final = ("localhost", "127.0.0.1", "::1", "portal.localhost", "proxy")
_SANDBOX_NAMES: Final = ("localhost", "127.0.0.1", "::1", SANDBOX_NAME)


@dataclass(frozen=True)
class Servers:
    """Where the services find what holds their state."""

    postgres: str = "postgres:5432"
    database_options: str = "sslmode=disable"
    redis: str = "redis:6379"
    cluster: tuple[str, ...] = ()
    """The names of the NATS servers where there is more than one."""
    sync_interval: str = "2m"
    """How often JetStream flushes to disk."""


def vendor_files(service: LocalService) -> tuple[str, ...]:
    """Name the files with a vendor's secrets and numbers that a service needs."""
    return (
        *(("salesforce.pem",) if service.salesforce else ()),
        *(("WHMCS_SECRET", "WHMCS_HOOK_SECRET", "whmcs-fields.toml") if service.whmcs else ()),
        *(("FREEBIT_OEM_KEY", "sim-plans.toml") if service.freebit else ()),
        *(("SENDGRID_API_KEY", "SENDGRID_EVENT_PUBLIC_KEY") if service.sendgrid else ()),
    )


class SecretFiles:
    """The folder of one installation."""

    def __init__(self, folder: Path, servers: Servers, *, sandbox: bool) -> None:
        """`sandbox` adds its fake credentials; without it the vendors' secrets are yours to put there."""
        self.state = StateFolder(folder)
        self.folder = folder / "run-secrets"
        self._servers = servers
        self._sandbox = sandbox
        self.changed: set[str] = set()
        """Whose files `write` found different from before."""

    def write(self) -> None:
        """Write everything."""
        self.state.ensure()
        keys = ensure_keys(self.state.keys)
        public_keys = create_keys(self.state.keys / "bus")
        for name in (*(one.name for one in SERVICES), ADMIN, OPERATOR):
            self._copy(self.state.keys / "bus" / f"{name}.seed", name, "bus.seed")
            self._copy(keys.actor_public, name, "actor-public-keys.json")
        for service in SERVICES:
            self._write_service(service, keys)
        self._write_servers(public_keys)
        self._write_proxy()
        if self._sandbox:
            self._write_sandbox(keys)

    def missing(self) -> list[str]:
        """Name what an installation without the sandbox still needs, relative to the folder."""
        wanted = {one.name: vendor_files(one) for one in SERVICES}
        paths = [Path(name) / file for name, files in wanted.items() for file in files]
        return [str(path) for path in paths if not (self.folder / path).exists()]

    def _write_service(self, service: LocalService, keys: Keys) -> None:
        name = service.name
        if service.database:
            self._keep(name, "PORTAL_DATABASE_URL", self._database_url(name))
        if service.cache:
            secret = self.state.secret(f"redis-{name}")
            self._keep(name, "PORTAL_REDIS_URL", f"redis://{name}:{secret}@{self._servers.redis}/0")
        match name:
            case "identity":
                self._copy(keys.actor_private, name, "actor.pem")
                self._copy(keys.identity, name, "identity.key")
            case "fulfillment":
                self._copy(keys.fulfillment, name, "fulfillment.key")
            case "gateway":
                self._copy(keys.signed_calls, name, "signed-call-keys.json")
            case _:
                pass

    def _database_url(self, name: str) -> str:
        secret = quote(self.state.secret(f"database-{name}"), safe="")
        return f"postgresql://{name}:{secret}@{self._servers.postgres}/{name}?{self._servers.database_options}"

    def _write_servers(self, public_keys: dict[str, str]) -> None:
        passwords = {one.name: self.state.secret(f"database-{one.name}") for one in SERVICES if one.database}
        cached = {one.name: self.state.secret(f"redis-{one.name}") for one in SERVICES if one.cache}
        superuser, administrator = self.state.secret("database-superuser"), self.state.secret("redis")
        self._keep("postgres", "superuser-password", superuser)
        self._keep("database-roles", "superuser-password", superuser)
        self._keep("database-roles", "roles.sql", roles_script(passwords))
        self._keep("redis", "users.acl", redis_acl(cached, administrator))
        self._keep("redis", "administrator-password", administrator)
        self._keep("nats", "nats.conf", self._nats_config(public_keys))

    def _nats_config(self, public_keys: dict[str, str]) -> str:
        text = nats_server_config(
            public_keys,
            port=4222,
            store_dir="/data",
            host="0.0.0.0",
            monitoring_port=8222,
            sync_interval=self._servers.sync_interval,
        )
        return text.replace('server_name: "portal"', "server_name: $NATS_NAME") + self._cluster()

    def _cluster(self) -> str:
        if not self._servers.cluster:
            return ""
        secret = self.state.secret("nats-cluster")
        routes = ", ".join(f'"nats://portal:{secret}@{name}:6222"' for name in self._servers.cluster)
        return "\n".join(
            (
                "cluster {",
                "  name: portal",
                "  listen: 0.0.0.0:6222",
                f'  authorization {{ user: portal, password: "{secret}" }}',
                f"  routes: [{routes}]",
                "}",
                "",
            )
        )

    def _write_proxy(self) -> None:
        """A certificate of our own where there is none: a real one is put in its place as `proxy/portal.pem`."""
        if (self.folder / "proxy" / "portal.pem").exists():
            return
        made = ensure_certificates(self.state.path / "tls", PORTAL_NAMES)
        text = made.certificate.read_text(encoding="utf-8") + made.key.read_text(encoding="utf-8")
        self._keep("proxy", "portal.pem", text)

    def _write_sandbox(self, keys: Keys) -> None:
        fake = SandboxSettings()
        made = ensure_certificates(self.state.path / "sandbox-tls", _SANDBOX_NAMES)
        for path in (made.authority, made.certificate, made.key):
            self._copy(path, "sandbox/tls", path.name)
        event_key = self.state.path / "sendgrid-event.key"
        event_public_key = ensure_mail_event_key(event_key)
        self._copy(event_key, "sandbox", event_key.name)
        self._copy(keys.salesforce_public, "sandbox", "salesforce.pub.pem")
        self._keep("sandbox", "SANDBOX_PORTAL_KEY", keys.signed_call_key())
        self._keep("sandbox", "SANDBOX_PORTAL_KEY_ID", keys.signed_call_key_id)
        for service in SERVICES:
            if service.salesforce:
                self._copy(keys.salesforce_private, service.name, "salesforce.pem")
                self._copy(made.authority, service.name, "salesforce-ca.pem")
            if service.whmcs:
                self._keep(service.name, "WHMCS_SECRET", fake.whmcs_secret)
                self._keep(service.name, "WHMCS_HOOK_SECRET", fake.whmcs_hook_secret)
                self._keep(service.name, "whmcs-fields.toml", whmcs_fields())
            if service.freebit:
                self._keep(service.name, "FREEBIT_OEM_KEY", fake.freebit_oem_key)
                self._copy(SIM_PLANS, service.name, "sim-plans.toml")
            if service.sendgrid:
                self._keep(service.name, "SENDGRID_API_KEY", fake.sendgrid_api_key)
                self._keep(service.name, "SENDGRID_EVENT_PUBLIC_KEY", event_public_key)

    def _keep(self, owner: str, name: str, content: str) -> None:
        self._put(owner, name, content.encode())

    def _copy(self, source: Path, owner: str, name: str) -> None:
        self._put(owner, name, source.read_bytes())

    def _put(self, owner: str, name: str, content: bytes) -> None:
        path = self._place(owner, name)
        if path.exists() and path.read_bytes() == content:
            return
        self.changed.add(owner.partition("/")[0])
        path.write_bytes(content)  # in place: a container that runs has this very file mounted
        path.chmod(0o644)

    def _place(self, owner: str, name: str) -> Path:
        """The file's path in a folder whose owner may pass; `.local` itself is closed to others."""
        folder = self.folder / owner
        folder.mkdir(parents=True, exist_ok=True)
        for one in (folder, *folder.parents):
            if one == self.state.path:
                break
            one.chmod(0o755)
        return folder / name
