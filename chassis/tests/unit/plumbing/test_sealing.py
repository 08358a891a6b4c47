import pytest

from portal_chassis.sealing import Seal
from portal_contracts.problems import Misconfigured


def test_a_sealed_text_differs_each_time_and_opens():
    seal = Seal(bytes(32))
    first, second = (seal.close("LPA:1$example", record="row-1") for _ in range(2))
    assert first != second
    assert b"example" not in first
    assert seal.open(first, record="row-1") == "LPA:1$example"


def test_it_opens_for_no_other_record_and_with_no_other_key():
    sealed = Seal(bytes(32)).close("佐藤", record="row-1")
    with pytest.raises(Misconfigured):
        Seal(bytes(32)).open(sealed, record="row-2")
    with pytest.raises(Misconfigured):
        Seal(bytes(range(32))).open(sealed, record="row-1")
    with pytest.raises(Misconfigured):
        Seal(bytes(32)).open(sealed[:-1], record="row-1")


def test_a_missing_or_short_key_is_our_set_up_and_named(tmp_path):
    with pytest.raises(Misconfigured) as caught:
        Seal.from_file(tmp_path / "nothing", setting="PORTAL_EXAMPLE_KEY_PATH")
    assert caught.value.facts == {"setting": "PORTAL_EXAMPLE_KEY_PATH"}
    (tmp_path / "short").write_bytes(b"x" * 16)
    with pytest.raises(Misconfigured) as caught:
        Seal.from_file(tmp_path / "short", setting="PORTAL_EXAMPLE_KEY_PATH")
    assert caught.value.facts == {"setting": "PORTAL_EXAMPLE_KEY_PATH", "bytes": 16}


def test_a_key_is_replaced_while_texts_of_the_former_one_are_there(tmp_path):
    former, fresh = b"f" * 32, b"n" * 32
    path = tmp_path / "keys"

    def read() -> Seal:
        return Seal.from_file(path, setting="PORTAL_EXAMPLE_KEY_PATH")

    path.write_bytes(former)
    old = read().close("old", record="row-1")
    path.write_bytes(fresh + former)
    assert read().open(old, record="row-1") == "old"
    new = read().close("new", record="row-2")
    path.write_bytes(fresh)
    assert read().open(new, record="row-2") == "new"
    with pytest.raises(Misconfigured):
        read().open(old, record="row-1")
    path.write_bytes(b"")
    with pytest.raises(Misconfigured):
        read()


def test_what_a_former_key_sealed_is_sealed_anew():
    former, fresh = b"f" * 32, b"n" * 32
    old, both = Seal(former).close("old", record="row-1"), Seal(fresh, former)
    assert (both.opens_former, Seal(fresh).opens_former) == (True, False)
    anew = both.anew(old, record="row-1")
    assert anew is not None
    assert Seal(fresh).open(anew, record="row-1") == "old"
    assert both.anew(anew, record="row-1") is None
    with pytest.raises(Misconfigured):
        both.anew(old, record="row-2")
