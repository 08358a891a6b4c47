import pytest

from portal_contracts.problems import Misconfigured
from portal_identity.verification_policy import METHODS, require_providers


def test_the_defaults_need_no_provider() -> None:
    require_providers(METHODS)


def test_a_provider_that_is_not_wired_is_refused_at_start_by_name() -> None:  # C26
    with pytest.raises(Misconfigured) as caught:
        require_providers({**METHODS, "vpn": "external", "sim_voice": "external"})
    assert caught.value.facts == {"setting": "PORTAL_VERIFICATION_METHODS", "without_provider": "sim_voice, vpn"}
