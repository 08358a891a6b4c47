"""Small pieces of the chassis on real servers."""

from collections.abc import AsyncIterator

import pytest

from portal_chassis.postgres import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, name="test")
    await opened.connect()
    yield opened
    await opened.close()
