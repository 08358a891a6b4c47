import pytest

from portal_contracts.problems import Misconfigured
from portal_identity.sealing import Seal
from portal_identity.secret_tokens import new_token, token_hash


def test_what_was_sealed_opens_for_its_own_row_only() -> None:
    seal = Seal(b"k" * 32)
    sealed = seal.close("山田", "row-1")
    assert seal.open(sealed, "row-1") == "山田"
    assert "山田".encode() not in sealed
    with pytest.raises(Misconfigured):
        seal.open(sealed, "row-2")
    with pytest.raises(Misconfigured):
        Seal(b"x" * 32).open(sealed, "row-1")


def test_a_missing_or_short_key_is_our_set_up(tmp_path) -> None:
    with pytest.raises(Misconfigured):
        Seal.from_file(tmp_path / "none")
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(Misconfigured):
        Seal.from_file(tmp_path / "short")


def test_tokens_hold_256_bits_and_only_their_hash_is_stored() -> None:
    assert len({new_token() for _ in range(100)}) == 100
    assert len(new_token()) == 43
    assert len(token_hash(new_token())) == 32
