"""The sandbox's Salesforce started here, or a real org when PORTAL_TEST_REAL_SALESFORCE=1 and SF_… are set."""

import os

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_salesforce import Salesforce, SalesforceSettings
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

REAL = os.environ.get("PORTAL_TEST_REAL_SALESFORCE") == "1"
"""Only the port's suite asks; the tests on the bus need staff and faults, so they keep to the sandbox."""


@pytest.fixture
def real_org():
    return REAL


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def dialect():
    """The org's wording and the profile the connector reads it by (C02)."""
    return "2025-12"


@pytest.fixture
def calls():
    """Paths of the REST calls Salesforce got."""
    return []


def counting(app, calls):
    async def count(scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith("/services/data"):
            calls.append(scope["path"])
        await app(scope, receive, send)

    return count


@pytest.fixture
async def sandbox(tmp_path, private_key, dialect, calls):
    public_key = tmp_path / "public.pem"
    public_key.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    ports = dict.fromkeys(("control_port", "salesforce_port", "salesforce_tls_port", "pubsub_port"), 0)
    settings = Settings(data_dir=tmp_path / "sandbox", salesforce_public_key_path=public_key, **ports)
    built = build_sandbox(settings, vendors=["salesforce"])
    built._apps["salesforce"] = counting(built._apps["salesforce"], calls)
    async with built.running():
        built.core.switches.update({"salesforce": {"dialect": dialect}})
        yield built.core


@pytest.fixture
def salesforce_environment(sandbox, private_key, tmp_path, dialect):
    """The environment a service finds the sandbox by, over TLS with its own authority."""
    key = tmp_path / "private.pem"
    key.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {
        "SF_DIALECT": dialect,
        "SF_LOGIN_URL": sandbox.addresses["salesforce_tls"],
        "SF_CLIENT_ID": "sandbox-client-id",
        "SF_USERNAME": "portal@sandbox.invalid",
        "SF_PRIVATE_KEY_PATH": str(key),
        "SF_CA_BUNDLE": str(sandbox.tls.authority),
        "PORTAL_PRICEBOOK_ID": PORTAL_PRICEBOOK_ID,
    }


@pytest.fixture
def salesforce_settings(request, monkeypatch):
    """As the service reads them."""
    if not REAL:
        for name, value in request.getfixturevalue("salesforce_environment").items():
            monkeypatch.setenv(name, value)
    return SalesforceSettings()


@pytest.fixture
async def staff(salesforce_settings):
    """Salesforce as staff see it: the integration user may not write products (R273)."""
    username = salesforce_settings.username if REAL else "staff@sandbox.invalid"
    connector = Salesforce(salesforce_settings.model_copy(update={"username": username}))
    yield connector
    await connector.close()


@pytest.fixture
async def salesforce(salesforce_settings):
    connector = Salesforce(salesforce_settings)
    yield connector
    await connector.close()
