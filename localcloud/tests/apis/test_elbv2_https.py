"""HTTPS listeners: served by HAProxy with ACM's certificates, refused as AWS refuses them."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.cloud import Site
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

DOMAIN = "shop.example.test"
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "MessageBody": "over TLS"}}
POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Site:
    """A load balancer with a listener on port 80 and an empty target group."""
    return Site(cloud, "contract-https")


@pytest.fixture(scope="module")
def requested(cloud: Cloud) -> str:
    """The ARN of a certificate for the domain that ACM was asked for."""
    return str(cloud.client("acm").request_certificate(DomainName=DOMAIN)["CertificateArn"])


@contextlib.contextmanager
def listening(site: Site, port: int, certificate: str, **more: object) -> Iterator[dict[str, Any]]:
    """An HTTPS listener with a fixed response, deleted afterwards."""
    made = site.elb.create_listener(
        LoadBalancerArn=site.balancer, Protocol="HTTPS", Port=port, DefaultActions=[FIXED],
        Certificates=[{"CertificateArn": certificate}], **more,
    )["Listeners"][0]  # fmt: skip
    try:
        yield made
    finally:
        site.elb.delete_listener(ListenerArn=made["ListenerArn"])


def ask(site: Site, port: int, authority: Path, **options: Any) -> httpx.Response:
    """Send a GET request for the domain, whose certificate has to be one of the authority's."""
    context = ssl.create_default_context(cafile=authority)
    context.maximum_version = options.get("version", ssl.TLSVersion.MAXIMUM_SUPPORTED)
    with httpx.Client(verify=context) as client:
        return client.get(
            f"https://{site.host}:{port}/a?b=c",
            headers={"Host": options.get("name", DOMAIN)},
            extensions={"sni_hostname": options.get("name", DOMAIN)},
        )


def authority_of(cloud: Cloud) -> Path:
    """Return the file with the certificate of the local cloud's own authority."""
    return Path(cloud.environment["LOCALCLOUD_STATE"], "tls", "ca.pem")


def refused(code: str, call: Any, **arguments: object) -> str:
    """Return the message of a call that is refused with the code."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert error.value.response["Error"]["Code"] == code
    return str(error.value.response["Error"]["Message"])


def test_a_requested_certificate_is_issued_by_the_local_authority(site: Site, requested: str, cloud: Cloud) -> None:
    """For its domain alone; the policy's versions of TLS hold, and a redirect keeps to HTTPS."""
    with listening(site, 443, requested, SslPolicy=POLICY) as made:
        assert (made["Protocol"], made["SslPolicy"]) == ("HTTPS", POLICY)
        assert made["Certificates"] == [{"CertificateArn": requested}]
        answer = ask(site, 443, authority_of(cloud))
        assert (answer.status_code, answer.text) == (418, "over TLS")
        with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
            ask(site, 443, authority_of(cloud), name="other.example.test")
        with pytest.raises(httpx.ConnectError, match="unable to get local issuer certificate"):
            httpx.get(f"https://{site.host}/")
        only_13 = "ELBSecurityPolicy-TLS13-1-3-2021-06"
        site.elb.modify_listener(ListenerArn=made["ListenerArn"], SslPolicy=only_13)
        with pytest.raises(httpx.ConnectError, match="ALERT_PROTOCOL_VERSION"):
            ask(site, 443, authority_of(cloud), version=ssl.TLSVersion.TLSv1_2)
        echo = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302", "Host": "to.example.test"}}
        site.elb.modify_listener(ListenerArn=made["ListenerArn"], DefaultActions=[echo])
        assert ask(site, 443, authority_of(cloud)).headers["location"] == "https://to.example.test:443/a?b=c"


def test_http_is_redirected_to_https(site: Site, requested: str, cloud: Cloud) -> None:
    """Following the redirect ends at the HTTPS listener."""
    with listening(site, 443, requested, SslPolicy=POLICY):
        config = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        to_https = {"Type": "redirect", "RedirectConfig": config}
        site.elb.modify_listener(ListenerArn=site.listener, DefaultActions=[to_https])
        answer = httpx.get(f"http://{site.host}/a?b=c", headers={"Host": DOMAIN})
        assert (answer.status_code, answer.headers["location"]) == (301, f"https://{DOMAIN}:443/a?b=c")
        assert ask(site, 443, authority_of(cloud)).status_code == 418


def test_an_imported_certificate_is_served_with_its_own_key_and_chain_after_a_restart(
    site: Site, cloud: Cloud, tmp_path: Path
) -> None:
    """ACM keeps the private key, and the proxy that is made again has it."""
    own = "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=elsewhere"
    asked = f"req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN={DOMAIN}"
    signed = "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile names"
    (tmp_path / "names").write_text(f"subjectAltName=DNS:{DOMAIN}")
    for command in (own, asked, signed):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    certificate, key, chain = ((tmp_path / name).read_bytes() for name in ("cert.pem", "key.pem", "ca.pem"))
    arn = cloud.client("acm").import_certificate(Certificate=certificate, PrivateKey=key, CertificateChain=chain)[
        "CertificateArn"
    ]
    cloud.kill()
    cloud.command("up", "--yes")
    with listening(site, 8443, arn) as made:
        assert made["SslPolicy"] == "ELBSecurityPolicy-2016-08"

        def answers() -> int:
            try:
                return ask(site, 8443, tmp_path / "ca.pem").status_code
            except httpx.TransportError:
                return 0

        assert until(answers) == 418


def test_a_certificate_that_no_server_can_use_is_refused(site: Site, cloud: Cloud) -> None:
    """Otherwise the proxy would refuse its file, and with it every later change of the load balancer."""
    text = b"-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"
    arn = cloud.client("acm").import_certificate(Certificate=text, PrivateKey=text)["CertificateArn"]
    told = refused(
        "UnsupportedCertificate", site.elb.create_listener, LoadBalancerArn=site.balancer, Port=444, Protocol="HTTPS",
        DefaultActions=[FIXED], Certificates=[{"CertificateArn": arn}],
    )  # fmt: skip
    assert f"'{arn}' cannot be used: " in told


def test_listeners_that_aws_refuses_are_refused_in_its_words(site: Site, requested: str) -> None:
    """Nothing is created, and a listener that stands is left as it was."""
    create = site.elb.create_listener
    listener = {"LoadBalancerArn": site.balancer, "Port": 444, "DefaultActions": [FIXED]}
    given = [{"CertificateArn": requested}]
    missing = requested[:-12] + "0" * 12
    https = {**listener, "Protocol": "HTTPS"}
    assert refused("ValidationError", create, **https) == "A certificate must be specified for HTTPS listeners"
    assert (
        refused("CertificateNotFound", create, **https, Certificates=[{"CertificateArn": missing}])
        == f"Certificate '{missing}' not found"
    )
    assert "SSL policy 'none' not found" in refused(
        "SSLPolicyNotFound", create, **https, Certificates=given, SslPolicy="none"
    )
    refused("TooManyCertificates", create, **https, Certificates=given * 2)
    http = {**listener, "Protocol": "HTTP"}
    text = refused("ValidationError", create, **http, Certificates=given)
    assert text == "A certificate cannot be specified for HTTP listeners"
    refused("ValidationError", create, **http, SslPolicy=POLICY)
    refused("ValidationError", create, **{**listener, "Protocol": "TCP"})
    refused("ValidationError", site.elb.modify_listener, ListenerArn=site.listener, Protocol="HTTPS")
    found = site.elb.describe_listeners(LoadBalancerArn=site.balancer)["Listeners"]
    assert [(one["Port"], one["Protocol"]) for one in found] == [(80, "HTTP")]


def test_a_listener_changes_between_http_and_https(site: Site, requested: str, cloud: Cloud) -> None:
    """Back at HTTP it has neither certificate nor policy."""
    with listening(site, 9443, requested) as made:
        arn = made["ListenerArn"]
        changed = site.elb.modify_listener(ListenerArn=arn, Protocol="HTTP")["Listeners"][0]
        assert not {"Certificates", "SslPolicy", "MutualAuthentication"} & set(changed)
        assert httpx.get(f"http://{site.host}:9443/").status_code == 418
        site.elb.modify_listener(
            ListenerArn=arn, Protocol="HTTPS", Certificates=[{"CertificateArn": requested}], SslPolicy=POLICY
        )
        assert ask(site, 9443, authority_of(cloud)).status_code == 418
