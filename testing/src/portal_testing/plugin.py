"""pytest's way in: fixtures for everybody who installs this package. Nothing starts before a test asks for it."""

import os

import pytest

from portal_testing.server_fixtures import (
    database_url,
    nats_server,
    nats_url,
    postgres_server,
    redis_server,
    redis_url,
    servers_folder,
)
from portal_testing.stack_fixtures import (
    operator,
    portal_http,
    portal_overrides,
    portal_plan,
    portal_stack,
    portal_stack_of_the_run,
    salesforce_dialect,
    shopper,
    shoppers,
)

__all__ = [
    "database_url",
    "nats_server",
    "nats_url",
    "operator",
    "portal_http",
    "portal_overrides",
    "portal_plan",
    "portal_stack",
    "portal_stack_of_the_run",
    "postgres_server",
    "redis_server",
    "redis_url",
    "salesforce_dialect",
    "servers_folder",
    "shopper",
    "shoppers",
]


def pytest_configure(config: pytest.Config) -> None:
    """Know our marker, also where a team's own settings are strict about markers."""
    config.addinivalue_line("markers", "docker: runs on both backends, TEST_INFRA=embedded and TEST_INFRA=docker")
    config.addinivalue_line("markers", "dialect: always runs on both TEST_SALESFORCE_DIALECT; the others when asked")


# A test process that has used gRPC forks the servers it starts; gRPC's own handlers in the child would end it before it
# becomes the server. They are only for children that go on in Python.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
