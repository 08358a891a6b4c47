import pytest

from portal_identity.password_policy import common_passwords, normal_password, too_weak

KNOWN = ("hanako.yamada@example.jp", "SNX-10001", "山田", "花子")


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "a" * 20,
        "abababababababab",
        "123456789012345",
        "passwordpassword",
        "Password123!Password",
        "qwertyuiopasdfghjkl",
        "hanakoyamada2026!",
        "SNX-10001-SNX-10001",
        "iloveyouiloveyou1",
        "letmein-letmein-1",
    ],
)
def test_a_guessable_password_is_weak(password: str) -> None:
    assert too_weak(password, 15, KNOWN)


def test_the_block_list_has_more_than_the_three_thousand_most_used_passwords() -> None:  # NIST 800-63B-4, ASVS L1
    assert len(common_passwords()) >= 3_000
    assert all(too_weak(password, 8, ()) for password in common_passwords())
    assert all(too_weak(password.upper(), 8, ()) for password in common_passwords() if len(password) >= 8)


@pytest.mark.parametrize("least", [8, 15])
@pytest.mark.parametrize(
    "password",
    [
        # breached and longer than either minimum
        "1qaz2wsx3edc4rfv",
        "qazwsxedcrfvtgb",
        "passwordstandard",
        "123456789987654321",
        "momsanaladventure",
        "ＱａｚＷｓｘＥｄｃＲｆｖＴｇｂ",
        # columns and rows of a keyboard that are in no list
        "zaq1xsw2cde3vfr4bgt5",
        "1q2w3e4r5t6y7u8i9o0p-",
        "rfvtgbyhnujmikedcwsx",
        "asdfghjklzxcvbnmqwer!",
        "14725836901472583690",
        # phrases everybody knows
        "thequickbrownfox",
        "The quick brown fox 1!",
        "correcthorsebatterystaple",
        "correct horse battery staple",
        "CorrectHorseBatteryStaple2026",
        "to be or not to be!!",
        "maytheforcebewithyou",
        "いろはにほへとちりぬるを2026!",
        # a much used password with something around it, or several times
        "trustno1trustno1",
        "!!liverpool!!12345678",
        "liverpoolliverpool",
    ],
)
def test_what_attackers_try_first_is_weak_at_either_length(password: str, least: int) -> None:  # NIST 800-63B-4
    assert too_weak(password, least, ())


@pytest.mark.parametrize(
    "password", ["letmein1", "baseball1", "qwerty12", "sunshine", "1qaz2wsx", "iloveyou", "zaq12wsx"]
)
def test_a_short_password_beside_a_second_factor_is_compared_too(password: str) -> None:
    assert too_weak(password, 8, ())


@pytest.mark.parametrize("password", ["kQ7!vv2x", "gr33n-t3a-lid", "plum kettle rake", "v7#Lm2pQ", "水色の傘と七号線"])
def test_a_short_password_nobody_tries_first_is_fine_beside_a_second_factor(password: str) -> None:
    assert not too_weak(password, 8, KNOWN)


@pytest.mark.parametrize(
    "password",
    [
        "a-long-and-fake-passphrase",
        "さくらの木の下で会いましょうまた来年",
        "tR8#kq0!vZ2@mL5$",
        "mountain river 47 lantern",
    ],
)
def test_a_long_passphrase_of_any_kind_is_fine(password: str) -> None:
    assert not too_weak(password, 15, KNOWN)


def test_the_same_password_in_full_width_is_the_same() -> None:  # D16
    assert normal_password("ｐａｓｓｐｈｒａｓｅ１") == "passphrase1"
