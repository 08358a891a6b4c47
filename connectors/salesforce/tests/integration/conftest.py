"""The connector on the sandbox started here, or on a real org when PORTAL_TEST_REAL_SALESFORCE=1 and SF_… are set."""

import os
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_salesforce import Salesforce, SalesforceSettings
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

REAL = os.environ.get("PORTAL_TEST_REAL_SALESFORCE") == "1"


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def heard():
    """Every request the sandbox's Salesforce got: method, path, headers by lower-case name."""
    return []


def listening(app, heard):
    async def listen(scope, receive, send):
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            heard.append((scope["method"], scope["path"], headers))
        await app(scope, receive, send)

    return listen


@pytest.fixture
async def sandbox(tmp_path, private_key, heard):
    public_key = tmp_path / "public.pem"
    public_key.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    ports = dict.fromkeys(("control_port", "salesforce_port", "salesforce_tls_port", "pubsub_port"), 0)
    settings = Settings(data_dir=tmp_path / "sandbox", salesforce_public_key_path=public_key, **ports)
    built = build_sandbox(settings, vendors=["salesforce"])
    built._apps["salesforce"] = listening(built._apps["salesforce"], heard)
    async with built.running():
        yield built.core


@pytest.fixture
def settings_for(private_key):
    """Settings for a sandbox's core, with changes by field name."""
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def make(core, **changes):
        return SalesforceSettings(
            **{
                "login_url": core.addresses["salesforce_tls"],
                "client_id": "sandbox-client-id",
                "username": "portal@sandbox.invalid",
                "private_key_base64": b64encode(pem).decode(),
                "ca_bundle": core.tls.authority,
                "pricebook_id": PORTAL_PRICEBOOK_ID,
                **changes,
            }
        )

    return make


@pytest.fixture
def salesforce_settings(request, settings_for):
    return SalesforceSettings() if REAL else settings_for(request.getfixturevalue("sandbox"))


@pytest.fixture
async def salesforce(salesforce_settings):
    connector = Salesforce(salesforce_settings)
    yield connector
    await connector.close()
