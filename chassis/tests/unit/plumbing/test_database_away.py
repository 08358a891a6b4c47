import asyncpg
import pytest

from portal_chassis.postgres import StoreUnavailable, _translated


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.AdminShutdownError("stopping"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionResetError(),
    ],
)
def test_a_server_that_died_in_mid_protocol_is_away_and_nothing_worse(error: Exception) -> None:  # T-08
    with pytest.raises(StoreUnavailable), _translated():
        raise error


@pytest.mark.parametrize("error", [asyncpg.UniqueViolationError("twice"), TimeoutError(), ValueError("ours")])
def test_what_the_server_says_itself_is_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)), _translated():
        raise error
