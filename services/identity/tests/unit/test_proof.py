import pytest

from portal_contracts.values import PersonName
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


def claims(account_name: str, family_name: str, given_name: str = "花子") -> bool:
    on_file = AccountOnFile("001000000000001AAA", account_name, "150-0001", "", [])
    name = PersonName(family_name=family_name, given_name=given_name)
    return proven(form(email="stranger@example.jp").model_copy(update={"name": name}), on_file)


@pytest.mark.parametrize(
    ("account_name", "family_name", "given_name"),
    [
        ("山田 花子", "山", "太郎"),
        ("山田 花子", "山", "花子"),
        ("山田 花子", "山田花", "太郎"),
        ("山田 花子", "山田花", "花子"),
        ("山田 花子", "山田", "太郎"),
        ("山田 花子", "花子", "太郎"),
        ("山田花子", "山田", "花"),
        ("Hanako Yamada", "H", "Y"),
        ("Sonix Corp", "S", "K"),
        ("Sonix Corp", "Sonix", "Ken"),
        ("Sonix Corp", "Corp", "Ken"),
        ("株式会社山田", "株", "太郎"),
        ("山田 株式会社", "山田", "太郎"),
        ("", "山田", "花子"),
    ],
)
def test_a_part_of_the_accounts_name_proves_nothing(account_name, family_name, given_name) -> None:  # C39, D18, R022
    assert not claims(account_name, family_name, given_name)


@pytest.mark.parametrize(
    ("account_name", "family_name", "given_name"),
    [
        ("山田 花子", "山田", "花子"),
        ("山田　花子", "山田", "花子"),
        ("山田花子", "山田", "花子"),
        ("Hanako Yamada", "YAMADA", "hanako"),
        ("Yamada Hanako", "Yamada", "Hanako"),
        ("ﾔﾏﾀﾞ ﾊﾅｺ", "やまだ", "ハナコ"),
    ],
)
def test_the_whole_name_of_the_account_proves_it(account_name, family_name, given_name) -> None:  # C39, D16
    assert claims(account_name, family_name, given_name)


@pytest.mark.parametrize(("family_name", "yes"), [("佐藤", True), ("佐", False), ("Sonix", False)])
def test_at_a_company_the_family_name_of_a_contact_counts(family_name, yes) -> None:  # C39
    contacts = [ContactOnFile("x@example.jp", "佐藤")]
    on_file = AccountOnFile("001000000000001AAA", "Sonix Corp", "150-0001", "", contacts)
    assert proven(form(email="stranger@example.jp", family_name=family_name), on_file) is yes


def test_an_empty_mailbox_on_file_matches_nobody() -> None:
    on_file = AccountOnFile("001000000000001AAA", "株式会社", "", "", [ContactOnFile("", "")])
    assert not proven(form(), on_file)
