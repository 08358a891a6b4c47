import pytest

from portal_contracts.problems import Misconfigured
from portal_identity.verification_policy import METHODS, require_providers


def test_the_defaults_need_no_provider() -> None:
    require_providers(METHODS, provider=False)


def test_a_provider_that_is_set_is_good_for_every_commodity() -> None:
    require_providers(dict.fromkeys(METHODS, "external"), provider=True)


def test_a_provider_that_is_not_set_is_refused_at_start_with_the_settings_it_needs() -> None:  # C26
    with pytest.raises(Misconfigured) as caught:
        require_providers({**METHODS, "vpn": "external", "sim_voice": "external"}, provider=False)
    assert caught.value.facts["without_provider"] == "sim_voice, vpn"
    for name in ("ISSUER", "CLIENT_ID", "KEY_PATH", "CLIENT_SECRET"):
        assert f"PORTAL_IDENTITY_PROVIDER_{name}" in str(caught.value)
