import pytest

from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.seed import account_id


@pytest.mark.parametrize(
    ("short", "checksum"), [("001Dp00000JJkkH", "IAT"), ("0014H00002LbR7Q", "QAV"), ("00D58000000arpq", "EAA")]
)
def test_real_ids_get_their_real_checksum(short, checksum):
    assert ids.to_long(short) == short + checksum
    assert ids.normalize(short) == short + checksum


@pytest.mark.parametrize("text", ["", "001", "001Dp00000JJkkHIAA", "001Dp00000JJkk/", "../Contact/003aaa", "0" * 17])
def test_what_is_no_id_is_not_normalized(text):
    assert ids.normalize(text) is None


def test_seeded_ids_depend_on_the_business_key_only():
    assert account_id("SNX-10001") == ids.seeded("001", "SNX-10001") == "001SdIiAEflkAYHIN2"
    assert ids.PORTAL_PRICEBOOK_ID == "01sSd0000000001IAA"


def test_numbered_ids_differ_and_are_valid():
    made = {ids.numbered("801", number) for number in range(1, 2000)}
    assert len(made) == 1999
    assert all(ids.normalize(one) == one and one.startswith("801") for one in made)


def test_no_two_records_created_at_run_time_have_one_id() -> None:
    assert len({ids.numbered("01u", number) for number in range(20_000)}) == 20_000
