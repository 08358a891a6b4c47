"""Who was proven is who is on file, whatever the writing (C26, D16)."""

from datetime import date

import pytest

from portal_identity.identity_comparison import (
    COMPARED,
    PersonOnFile,
    ProvenPerson,
    comparable_address,
    differing,
    missing,
    rejection,
)

BORN = date(1990, 4, 1)
ON_FILE = PersonOnFile("山田", "花子", BORN, "東京都渋谷区神宮前1-2-3", "150-0001")
BOTH = ("name", "birth_date")


def proven(*names: str, born: date | None = BORN, address: str = "", postcode: str = "") -> ProvenPerson:
    return ProvenPerson(names or ("山田　花子",), born, address, postcode)


def test_alike_is_nothing_that_differs() -> None:
    assert differing(ON_FILE, proven(), BOTH) == []


@pytest.mark.parametrize(
    ("family", "given", "name"),
    [
        ("山田", "花子", "山田　花子"),
        ("山田", "花子", "山田花子"),
        ("ﾔﾏﾀﾞ", "ﾊﾅｺ", "やまだ はなこ"),
        ("やまだ", "はなこ", "ヤマダ　ハナコ"),
        ("Carter", "Emily", "EMILY CARTER"),
        ("Carter", "Emily", "Ｃａｒｔｅｒ Emily"),
    ],
)
def test_a_name_is_alike_in_every_width_kana_case_and_order(family, given, name) -> None:  # D16
    assert differing(PersonOnFile(family, given, BORN, "", ""), proven(name), BOTH) == []


def test_one_writing_of_several_is_enough() -> None:
    on_file = PersonOnFile("ヤマダ", "ハナコ", BORN, "", "")
    assert differing(on_file, proven("山田花子", "ヤマダハナコ"), BOTH) == []


@pytest.mark.parametrize("name", ["山田", "花子", "山田花", "山田太郎", "花山子田", " ", ""])
def test_another_name_or_half_of_it_differs(name) -> None:
    assert differing(ON_FILE, proven(name), BOTH) == ["name"]


@pytest.mark.parametrize("born", [None, date(1990, 1, 4), date(1990, 4, 2), date(1900, 4, 1)])
def test_another_birth_date_or_none_differs(born) -> None:
    assert differing(ON_FILE, proven(born=born), BOTH) == ["birth_date"]


def test_a_person_who_is_not_on_file_is_nobody() -> None:
    nobody = PersonOnFile("", "", None, "", "")
    assert differing(nobody, ProvenPerson(("",), None, "", ""), COMPARED) == ["name", "birth_date", "address"]
    assert missing(nobody, COMPARED) == ["name", "birth_date", "address"]
    assert missing(nobody, BOTH) == ["name", "birth_date"]
    assert missing(ON_FILE, COMPARED) == []


@pytest.mark.parametrize(
    "address",
    [
        "東京都渋谷区神宮前１丁目２番３号",
        "東京都渋谷区神宮前一丁目2番地3",
        "東京都 渋谷区 神宮前1－2－3",
        "東京都渋谷区神宮前1丁目2番3号 見本ビル501",
    ],
)
def test_an_address_is_alike_however_its_numbers_are_written(address) -> None:
    assert differing(ON_FILE, proven(address=address), COMPARED) == []


@pytest.mark.parametrize(
    "address",
    ["", "東京都渋谷区神宮前1-2", "東京都渋谷区神宮前1-2-34", "東京都渋谷区神宮前1-2-3-4", "大阪府渋谷区神宮前1-2-3"],
)
def test_another_address_differs(address) -> None:
    assert differing(ON_FILE, proven(address=address), COMPARED) == ["address"]


def test_another_postcode_differs_where_both_are_known() -> None:
    same = "東京都渋谷区神宮前1-2-3"
    assert differing(ON_FILE, proven(address=same, postcode="1500001"), COMPARED) == []
    assert differing(ON_FILE, proven(address=same, postcode="150-0002"), COMPARED) == ["address"]


@pytest.mark.parametrize(("text", "same"), [("十二丁目3", "12-3"), ("二十丁目", "20"), ("二十一丁目5番", "21-5")])
def test_numerals_before_a_block_are_numbers(text, same) -> None:
    assert comparable_address(text) == same


def test_a_reason_is_in_both_languages_and_fits_its_field() -> None:  # R199: 255 characters
    reason = rejection(COMPARED)
    assert "氏名・生年月日・住所" in reason
    assert "name and date of birth and address" in reason
    assert len(reason) <= 255
