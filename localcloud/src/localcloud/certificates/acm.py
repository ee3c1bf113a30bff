"""The certificates that ACM holds, with their private keys: what a server needs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from types import ModuleType

    from localcloud.certificates.authority import CertificateAuthority

Doc = dict[str, Any]


class Certificates:
    """Reads certificates from ministack's memory, since no operation of ACM returns a private key."""

    def __init__(self, acm: ModuleType, authority: CertificateAuthority, account: str, region: str) -> None:
        """Create the reader.

        Args:
            acm: ministack's ACM module.
            authority: issues what was requested of ACM.
            account: whose certificates.
            region: the region of these; a load balancer takes those of its own only.
        """
        self._acm, self._account, self._region = acm, account, region
        self.authority = authority

    def pem(self, arn: str) -> str:
        """Return private key and certificate chain as one PEM text: as imported, else issued by the local authority.

        Raises:
            LookupError: ACM has no certificate of this ARN.
            ValueError: it is none that a server can use: ministack stores whatever is imported.
        """
        found: Doc | None = self._acm._certificates.get_scoped(self._account, self._region, arn)  # noqa: SLF001 - ministack has no public name for it
        if found is None:
            raise LookupError(arn)
        if found["Type"] == "IMPORTED":
            return imported(found)
        return self.authority.server(f"acm-{arn.rpartition('/')[2]}", found["SubjectAlternativeNames"])


def imported(found: Doc) -> str:
    """Return private key, certificate and chain of an imported certificate as one PEM text.

    Raises:
        ValueError: one of the first two cannot be read, or they do not belong together.
    """
    parts = (found["_private_key"], found["_pem_body"], found["_pem_chain"])
    try:
        key = load_pem_private_key(parts[0].encode(), password=None)
        certificate = x509.load_pem_x509_certificate(parts[1].encode())
    except (TypeError, UnsupportedAlgorithm) as error:  # a key with a password, an algorithm that OpenSSL has not
        raise ValueError(str(error)) from error
    if key.public_key() != certificate.public_key():
        raise ValueError("the private key is that of another certificate")
    return "".join(f"{part.strip()}\n" for part in parts if part)
