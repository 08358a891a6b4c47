import pytest

from portal_identity.password_policy import normal_password, too_weak

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


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
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
