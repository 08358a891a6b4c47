"""NATS, Postgres and Redis as child processes on loopback, from programs that PyPI packages carry.

Every server offers the same life: `start` (returns when it answers), `stop` (in order), `kill` (as a power cut),
`restart`, `wipe` (its data is gone; start it again). A port of 0 is picked once and kept over restarts, so a URL given
out stays valid. Nothing survives the process that started it.
"""

from portal_local.servers.nats import NatsServer, plain_nats_config
from portal_local.servers.postgres import PostgresServer
from portal_local.servers.redis import RedisServer
from portal_local.servers.server import Server

__all__ = ["NatsServer", "PostgresServer", "RedisServer", "Server", "plain_nats_config"]
