import pytest

from portal_identity.ports import AccountOnFile, ContactOnFile
from portal_identity.proof import proven
from portal_identity.testing import account, form


def test_the_mailbox_on_file_proves_the_number() -> None:  # C39
    assert proven(form(email="Hanako@Example.JP"), account())


def test_family_name_and_postcode_on_file_prove_it_too() -> None:  # C39
    assert proven(form(email="other@example.jp"), account())


@pytest.mark.parametrize(
    ("family_name", "postcode"), [("鈴木", "1500001"), ("山田", "5300001"), ("鈴木", "5300001"), ("山田", "")]
)
def test_a_known_number_with_half_the_details_proves_nothing(family_name: str, postcode: str) -> None:
    on_file = AccountOnFile("001000000000001AAA", "山田 花子", postcode, "", [ContactOnFile("x@example.jp", "山田")])
    assert not proven(form(email="stranger@example.jp", family_name=family_name), on_file)


def test_a_name_in_half_width_kana_is_the_same_name() -> None:  # D16
    on_file = AccountOnFile("001000000000001AAA", "ヤマダ", "150-0001", "", [ContactOnFile("", "ヤマダ")])
    assert proven(form(email="other@example.jp", family_name="ﾔﾏﾀﾞ"), on_file)


def test_an_empty_mailbox_on_file_matches_nobody() -> None:
    on_file = AccountOnFile("001000000000001AAA", "株式会社", "", "", [ContactOnFile("", "")])
    assert not proven(form(), on_file)
