"""The bus admin: streams, consumers, users and permissions from the topology."""

from portal_bus_admin.identities import ADMIN, OPERATOR, create_keys, identities
from portal_bus_admin.server_config import nats_server_config

__all__ = ["ADMIN", "OPERATOR", "create_keys", "identities", "nats_server_config"]
