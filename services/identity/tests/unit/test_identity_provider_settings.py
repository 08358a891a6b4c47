import pytest
from pydantic import ValidationError

from portal_identity.identity_provider_settings import IdentityProviderSettings

GOOD = {"issuer": "https://ekyc.example.jp", "client_id": "portal", "client_secret": "an-obviously-fake-secret"}


def test_without_an_issuer_there_is_no_provider(monkeypatch) -> None:
    monkeypatch.delenv("PORTAL_IDENTITY_PROVIDER_ISSUER", raising=False)
    assert IdentityProviderSettings().issuer == ""


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"client_id": ""}, "CLIENT_ID"),
        ({"client_secret": None}, "KEY_PATH and PORTAL_IDENTITY_PROVIDER_CLIENT_SECRET"),
        ({"key_path": "key.pem"}, "exactly one"),
        ({"issuer": "http://ekyc.example.jp"}, "ISSUER must be https"),
        ({"issuer": "http://localhost.example.jp"}, "ISSUER must be https"),
        ({"scopes": "name birthdate"}, "SCOPES"),
        ({"compares": "name"}, "COMPARES"),
        ({"algorithms": "HS256"}, "only RS"),
        ({"algorithms": "none,ES256"}, "only RS"),
        ({"algorithms": ""}, "only RS"),
    ],
)
def test_half_a_provider_is_refused_by_the_settings_name(changes, named) -> None:
    with pytest.raises(ValidationError, match=named):
        IdentityProviderSettings(**{**GOOD, **changes})


@pytest.mark.parametrize("host", ["127.0.0.1:8108", "localhost:8108", "sandbox.localhost:8108", "[::1]:8108"])
def test_on_loopback_a_provider_needs_no_tls(host) -> None:
    assert IdentityProviderSettings(**{**GOOD, "issuer": f"http://{host}"}).host == host
