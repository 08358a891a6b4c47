import pytest

from portal_sandbox.pages.neighbours import neighbours
from portal_sandbox.pages.wording import bilingual, day, person, tokyo, tone


def test_a_state_is_shown_in_both_languages_and_an_unknown_one_as_it_is():
    assert bilingual("Pending Review") == "Pending Review 審査待ち"
    assert bilingual("Something Else") == "Something Else"
    assert bilingual(None) == ""
    assert (tone("Failed"), tone("Paid"), tone("Something Else")) == ("bad", "good", "")


@pytest.mark.parametrize(
    "moment", ["2026-11-21T04:22:29.059+0000", "2026-11-21T04:22:29+00:00", "2026-11-21T04:22:29Z", 1795234949.0]
)
def test_moments_are_shown_in_the_time_of_tokyo(moment):
    assert tokyo(moment) == "2026-11-21 13:22"


def test_no_moment_and_no_date_show_nothing():
    assert (tokyo(None), tokyo(""), day(None)) == ("", "", "")
    assert (day("20261121"), day("2026-11-21")) == ("2026-11-21", "2026-11-21")


def test_a_name_is_written_in_its_owners_order():
    assert person("佐藤", "花子") == "佐藤 花子"
    assert person("Müller", "Robert") == "Robert Müller"
    assert person("株式会社見本", None) == "株式会社見本"


def test_only_running_servers_are_linked():
    found = neighbours({"control": "http://a.invalid", "whmcs": "http://b.invalid"})
    assert [one["place"] for one in found] == ["control", "client", "orders"]
    assert [one["url"] for one in neighbours({"whmcs": "http://b.invalid"}, "whmcs")] == [
        "http://b.invalid/clientarea.php",
        "http://b.invalid/admin/orders.php",
    ]
