"""A certificate authority of this local cloud's own, in its state folder; nobody trusts it unless told to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localcloud.certificates.private_file import write
from localcloud.settings import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY_BITS = 2048
"""As ACM's default, RSA_2048 (RequestCertificate, KeyAlgorithm)."""
OWN_DAYS = 3650
LEAF_DAYS = 395
"""The validity of ACM's own certificates: 13 months (ACM user guide, "Managed certificate renewal")."""
RENEWAL_DAYS = 60
"""ACM renews a certificate that expires within so many days (likewise)."""
COMMON_NAME_AT_MOST = 64
"""Characters of a common name (RFC 5280, ub-common-name); a longer one is in the alternative names alone."""


class CertificateAuthority:
    """Issues server certificates; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Use the folder for the authority's certificate and key, and for what it issues; made when first needed."""
        self._folder, self._lock = folder, threading.Lock()
        self.certificate = folder / "ca.pem"
        """The file that clients verify servers by."""

    def server(self, name: str, names: Sequence[str]) -> str:
        """Return a server's private key and certificate as one PEM text; issued again before it expires.

        Args:
            name: of its file.
            names: domain names and IP addresses that it is valid for, the first one as its common name.
        """
        path = self._folder / f"{name}.pem"
        with self._lock:
            if not path.exists() or left_of(path) < timedelta(days=RENEWAL_DAYS):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                write(path, self._issue(names))
            return path.read_text()

    def _issue(self, names: Sequence[str]) -> str:
        own, own_key = self._own()
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        builder = base(subject(names[0]), own.subject, key, LEAF_DAYS)
        for extension, critical in (
            (x509.SubjectAlternativeName([alternative(name) for name in names]), not list(subject(names[0]))),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key.public_key()), False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return pem_of_key(key) + pem(builder.sign(own_key, hashes.SHA256()))

    def _own(self) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        """Return the authority's certificate and key."""
        key_file = self._folder / "ca-key.pem"
        if self.certificate.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            return x509.load_pem_x509_certificate(self.certificate.read_bytes()), key
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        name = subject(f"{NAME} certificate authority")
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        builder = base(name, name, key, OWN_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        own = builder.sign(key, hashes.SHA256())
        write(key_file, pem_of_key(key))
        write(self.certificate, pem(own))
        return own, key


def base(name: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, days: int) -> x509.CertificateBuilder:
    """Return what every certificate has; it is valid from an hour ago, since clocks differ."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject_name=name, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=days))


def subject(common_name: str) -> x509.Name:
    """Return a name with a common name, or an empty one for a name that is too long."""
    fits = len(common_name) <= COMMON_NAME_AT_MOST
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if fits else [])


def alternative(name: str) -> x509.GeneralName:
    """Return a domain name or an IP address as a certificate has it."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def left_of(path: Path) -> timedelta:
    """Return for how long the first certificate in a file is still valid."""
    end: datetime = x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
    return end - datetime.now(UTC)


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM text."""
    return bytes(certificate.public_bytes(serialization.Encoding.PEM)).decode()


def pem_of_key(key: rsa.RSAPrivateKey) -> str:
    """Return a private key as PEM text (PKCS #8, unencrypted)."""
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return bytes(key.private_bytes(*formats)).decode()
