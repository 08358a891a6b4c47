"""The NATS server's configuration: JetStream on disk and one nkey user per identity, with its least permissions."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from portal_bus_admin.permissions import Permissions, permissions_of
from portal_contracts.topology import ServiceTopology

MAX_PAYLOAD: Final = 8 * 1024 * 1024
"""Bytes; a page of a customer's documents passes the bus as one answer."""


def nats_server_config(
    public_keys: Mapping[str, str],
    *,
    port: int,
    store_dir: Path | str,
    host: str = "127.0.0.1",
    monitoring_port: int | None = None,
    sync_interval: str = "2m",
    max_file_store: str = "4GB",
    services: Mapping[str, ServiceTopology] | None = None,
) -> str:
    """Give the text of a `nats-server -c` file for these users.

    `sync_interval` is how often JetStream flushes to disk: `always` survives a power cut without loss at some six times
    the cost of a write; the default does not need to, because Postgres is the truth (architecture §5).
    """
    users = [_user(name, key, permissions_of(name, services)) for name, key in public_keys.items()]
    lines = [
        'server_name: "portal"',
        f"listen: {json.dumps(f'{host}:{port}')}",
        f"max_payload: {MAX_PAYLOAD}",
        f"max_pending: {8 * MAX_PAYLOAD}",
    ]
    if monitoring_port is not None:
        lines.append(f"http: {json.dumps(f'{host}:{monitoring_port}')}")
    lines += [
        "jetstream {",
        f"  store_dir: {json.dumps(str(store_dir))}",
        f"  sync_interval: {json.dumps(sync_interval)}",
        "  max_memory_store: 256MB",
        f"  max_file_store: {max_file_store}",
        "}",
        "authorization {",
        "  users: [",
        *users,
        "  ]",
        "}",
        "",
    ]
    return "\n".join(lines)


def _user(name: str, public_key: str, permissions: Permissions) -> str:
    answers = '\n        allow_responses: { max: 1, expires: "2m" }' if permissions.answers else ""
    return f"""    # {name}
    {{
      nkey: {public_key}
      permissions: {{
        publish: {{ {_rules(permissions.publish)} }}
        subscribe: {{ {_rules(permissions.subscribe)} }}{answers}
      }}
    }}"""


def _rules(subjects: Sequence[str]) -> str:
    """An empty allow list would allow everything, so nothing allowed is said as everything denied."""
    if not subjects:
        return 'deny: [">"]'
    return f"allow: [{', '.join(json.dumps(subject) for subject in subjects)}]"
