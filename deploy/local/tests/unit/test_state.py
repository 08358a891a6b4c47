import json
import stat
from pathlib import Path

import pytest

from portal_local.errors import LocalError
from portal_local.keys import ensure_keys
from portal_local.logs import show_logs
from portal_local.state import AlreadyRunningError, Running, StateFolder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_what_is_secret_in_it_are_closed_to_others(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".portal")
    state.path.mkdir(mode=0o755)
    state.ensure()
    keys = ensure_keys(state.keys)
    secret = state.secret("redis")
    assert mode(state.path) == 0o700
    assert len(secret) >= 43
    assert state.secret("redis") == secret
    for path in (keys.salesforce_private, keys.actor_private, keys.identity, state.path / "secrets" / "redis"):
        assert mode(path) == 0o600


def test_keys_are_made_once(tmp_path: Path) -> None:
    before = ensure_keys(tmp_path)
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert ensure_keys(tmp_path) == before
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == content
    assert list(json.loads(before.actor_public.read_text())) == [before.actor_key_id]


def test_one_stack_at_a_time_uses_a_folder(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path / ".portal"), StateFolder(tmp_path / ".portal")
    first.acquire()
    first.announce(Running(4711, {"gateway": "http://127.0.0.1:8080"}, {}, {}))
    assert second.in_use()
    with pytest.raises(AlreadyRunningError, match=r"^already running \(process 4711\): http://127.0.0.1:8080$"):
        second.acquire()
    with pytest.raises(AlreadyRunningError):
        second.reset()
    first.release()
    assert not second.in_use()
    assert second.running() is None
    second.reset()
    assert not list(second.path.iterdir())


def test_reset_of_nothing_is_fine(tmp_path: Path) -> None:
    StateFolder(tmp_path / "never" / ".portal").reset()


def test_a_folder_with_other_things_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(LocalError, match=r"holds other things; PORTAL_STATE_DIR must name"):
        StateFolder(tmp_path).reset()


def test_logs_carry_the_name_of_who_wrote_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "billing.log").write_text("one\ntwo\nhalf a li")
    (tmp_path / "orders.log").write_text("three\n")
    (tmp_path / "orders.previous.log").write_text("old\n")
    show_logs(tmp_path, (), follow=False)
    assert capsys.readouterr().out == "billing | one\nbilling | two\norders  | three\n"
    show_logs(tmp_path, ("orders",), follow=False)
    assert capsys.readouterr().out == "orders | three\n"
