"""The sandbox's own certificate authority and server certificate, made once per data directory."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=3650)
_RENEW_BEFORE_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """Where a client finds the authority to trust, and the server its certificate and key (all PEM)."""

    authority: Path
    certificate: Path
    key: Path


def certificate_paths(directory: Path) -> TlsPaths:
    """Where the files are, made or not."""
    return TlsPaths(directory / "ca.pem", directory / "server.pem", directory / "server.key")


def ensure_certificates(directory: Path, names: Sequence[str]) -> TlsPaths:
    """Keeps a certificate that is valid for these names and addresses; makes a new pair otherwise."""
    paths = certificate_paths(directory)
    if not _still_good(paths, names):
        directory.mkdir(parents=True, exist_ok=True)
        _make(paths, names)
    return paths


def _still_good(paths: TlsPaths, names: Sequence[str]) -> bool:
    if not all(path.exists() for path in (paths.authority, paths.certificate, paths.key)):
        return False
    certificate = x509.load_pem_x509_certificate(paths.certificate.read_bytes())
    covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    wanted = [_general_name(name) for name in names]
    return (
        certificate.not_valid_after_utc > datetime.now(UTC) + _RENEW_BEFORE_END
        and set(wanted) <= set(covered)
        and certificate.issuer == x509.load_pem_x509_certificate(paths.authority.read_bytes()).subject
    )


def _make(paths: TlsPaths, names: Sequence[str]) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    # The serial in the name keeps two sandboxes' authorities apart in one trust store.
    authority_name = _subject(f"portal sandbox authority {x509.random_serial_number():x}"[:64])
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _builder(_subject("portal sandbox"), authority_name, server_key.public_key())
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    paths.key.touch(mode=0o600)
    paths.key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    authority_text = authority.public_bytes(serialization.Encoding.PEM)
    paths.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM) + authority_text)
    paths.authority.write_bytes(authority_text)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
