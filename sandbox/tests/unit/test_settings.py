from pathlib import Path

import pytest

from portal_sandbox.settings import Settings


def test_without_environment_the_documented_defaults_hold():
    assert Settings.from_environment({}) == Settings()


def test_everything_is_read_from_the_environment():
    settings = Settings.from_environment(
        {
            "SANDBOX_DATA_DIR": "somewhere",
            "SANDBOX_WHMCS_PORT": "0",
            "SANDBOX_TLS_NAMES": "sandbox, other",
            "SANDBOX_SWITCHES": '{"whmcs": {"emptyLists": "list"}}',
            "SANDBOX_SALESFORCE_PUBLIC_KEY_PATH": "key.pem",
            "SANDBOX_IN_MEMORY": "true",
            "SANDBOX_PORTAL_URL": "http://gateway.invalid",
        }
    )
    assert settings.data_dir == Path("somewhere")
    assert settings.whmcs_port == 0
    assert settings.tls_names == ("sandbox", "other")
    assert settings.switches == {"whmcs": {"emptyLists": "list"}}
    assert settings.salesforce_public_key_path == Path("key.pem")
    assert (settings.in_memory, settings.portal_url) == (True, "http://gateway.invalid")


@pytest.mark.parametrize(
    ("name", "value"), [("SANDBOX_WHMCS_PORT", "http"), ("SANDBOX_SWITCHES", "{"), ("SANDBOX_IN_MEMORY", "yes")]
)
def test_what_cannot_be_read_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        Settings.from_environment({name: value})
