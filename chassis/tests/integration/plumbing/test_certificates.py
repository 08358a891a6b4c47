"""When certificates end is read from files and from end points, trusted or not, and stays known when they go (C35)."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import REGISTRY
from pydantic import ValidationError

from portal_chassis.certificates import look_at, watch_certificates
from portal_chassis.settings import ChassisSettings, WatchedCertificate

NOW = datetime.now(UTC).replace(microsecond=0)


def certificate(ends: datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "portal.example.jp")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), NOW - timedelta(90), ends
    )
    made = builder.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(encoding), private


def shown(name: str, renewal: str = "manual") -> float | None:
    labels = {"certificate": name, "renewal": renewal}
    return REGISTRY.get_sample_value("portal_certificate_expires_timestamp_seconds", labels)


def readable(name: str) -> float | None:
    return REGISTRY.get_sample_value("portal_certificate_readable", {"certificate": name})


async def test_the_first_end_of_a_file_counts(tmp_path):
    soon, later = NOW + timedelta(20), NOW + timedelta(300)
    path = tmp_path / "chain.pem"
    path.write_bytes(certificate(later)[0] + certificate(soon)[0])
    assert await look_at(WatchedCertificate(name="chain", path=path, renewal="automatic"))
    assert shown("chain", "automatic") == soon.timestamp()
    assert readable("chain") == 1


async def test_a_file_that_goes_is_said_and_its_end_stays_known(tmp_path):
    ends = NOW + timedelta(20)
    path = tmp_path / "jwt.pem"
    path.write_bytes(certificate(ends)[0])
    watched = WatchedCertificate(name="jwt", path=path)
    watching = asyncio.create_task(watch_certificates([watched], every=0.02))
    await until(lambda: readable("jwt") == 1)
    path.write_text("nothing")
    await until(lambda: readable("jwt") == 0)
    assert shown("jwt") == ends.timestamp()
    path.write_bytes(certificate(ends + timedelta(60))[0])
    await until(lambda: shown("jwt") == (ends + timedelta(60)).timestamp())
    watching.cancel()


@pytest.mark.parametrize("days", [-3, 13])
async def test_an_end_point_is_asked_even_when_nobody_should_trust_it(tmp_path, days):
    public, private = certificate(NOW + timedelta(days))
    (tmp_path / "both.pem").write_bytes(public + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")

    async def greet(_reader, writer):
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    watched = WatchedCertificate(name=f"proxy {days}", endpoint=f"127.0.0.1:{port}")
    assert await look_at(watched)
    server.close()
    assert shown(watched.name) == (NOW + timedelta(days)).timestamp()
    assert not await look_at(watched)
    assert readable(watched.name) == 0


def test_settings_name_certificates_and_refuse_one_without_a_place(monkeypatch):
    monkeypatch.setenv(
        "PORTAL_CERTIFICATES", '[{"name": "portal", "endpoint": "portal.example.jp:443", "renewal": "automatic"}]'
    )
    (one,) = ChassisSettings().certificates
    assert (one.name, one.endpoint, one.renewal) == ("portal", "portal.example.jp:443", "automatic")
    monkeypatch.setenv("PORTAL_CERTIFICATES", '[{"name": "portal"}]')
    with pytest.raises(ValidationError):
        ChassisSettings()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
