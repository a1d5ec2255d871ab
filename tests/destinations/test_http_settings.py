"""What every HTTP destination's configuration shares: TLS, proxy, connections, in the Collector's spelling."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from otelsiem.destinations._settings import HttpClient, Tls
from otelsiem.model.destination import HttpSettings, TlsSettings
from otelsiem.model.proxy import Proxy, proxy

SECRET = "planted-secret"


def made(**settings: object) -> HttpSettings:
    return HttpClient.model_validate(settings).http_settings()


def refused(**settings: object) -> str:
    with pytest.raises(ValidationError) as caught:
        HttpClient.model_validate(settings)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_nothing_written_is_what_the_transport_takes_for_granted() -> None:
    assert made() == HttpSettings()


def test_every_key_of_tls_reaches_the_transport() -> None:
    tls = {"ca_file": "ca.pem", "cert_file": "me.pem", "key_file": "me.key", "insecure_skip_verify": True,
           "min_version": "1.3", "server_name_override": "splunk.example.com"}  # fmt: skip
    expected = TlsSettings("ca.pem", "me.pem", "me.key", verify=False, server_name="splunk.example.com",
                           min_version="1.3")  # fmt: skip
    assert made(tls=tls).tls == expected


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        ({"cert_file": "me.pem"}, "cert_file needs key_file"),
        ({"key_file": "me.key"}, "key_file needs cert_file"),
        ({"min_version": "1.1"}, "RFC 8996"),
        ({"min_version": 1.0}, "RFC 8996"),
        ({"min_version": "2"}, "'1.2' or '1.3'"),
        ({"ca_pem": SECRET}, "name it in ca_file"),
        ({"cert_pem": SECRET}, "name it in cert_file"),
        ({"key_pem": SECRET}, "name it in key_file"),
        ({"insecure": True}, "http:// in the endpoint"),
        ({"cipher_suites": ["TLS_RSA_WITH_RC4_128_SHA"]}, "cipher_suites is not supported"),
        ({"max_version": "1.2"}, "max_version is not supported"),
        ({"include_system_ca_certs_pool": True}, "append the system's certificates"),
        ({"server_name_override": "https://x"}, "a host name alone"),
        ({"ca_fil": "x"}, "Extra inputs"),
    ],
)
def test_what_tls_cannot_honour_says_what_to_write_instead(tls: dict[str, object], words: str) -> None:
    assert words in refused(tls=tls)


@pytest.mark.parametrize(
    "tls", [{"insecure": False}, {"reload_interval": "1h"}, {"min_version": 1.2}, {"max_version": ""}, {"ca_file": ""}]
)
def test_what_says_nothing_new_is_accepted(tls: dict[str, object]) -> None:
    assert Tls.model_validate(tls).settings == TlsSettings()


@pytest.mark.parametrize("key", ["timeout", "idle_conn_timeout"])
def test_a_duration_without_a_unit_is_refused(key: str) -> None:
    assert "number without a unit" in refused(**{key: 60})


def test_connections_are_counted_as_the_collector_counts_them() -> None:
    assert made(max_conns_per_host=3, max_idle_conns=2, idle_conn_timeout="30s") == HttpSettings(
        connections=3, idle_connections=2, idle_seconds=30.0
    )
    assert made(max_conns_per_host=100, max_idle_conns=100) == HttpSettings()
    assert made(max_conns_per_host=0, max_idle_conns=0, idle_conn_timeout=0).idle_seconds == math.inf
    assert made(max_conns_per_host=5, max_idle_conns=0).idle_connections == 5
    assert made(disable_keep_alives=True).idle_connections == 0


@pytest.mark.parametrize(
    ("keys", "idle"),
    [
        ({"max_idle_conns_per_host": 7}, 7),
        ({"max_idle_conns_per_host": 7, "max_idle_conns": 3}, 3),
        ({"max_idle_conns_per_host": 7, "max_idle_conns": 0}, 7),
        ({"max_idle_conns_per_host": 0}, 64),
    ],
)
def test_idle_connections_per_host_are_the_same_setting(keys: dict[str, int], idle: int) -> None:
    assert made(**keys).idle_connections == idle


def test_idle_connections_per_host_that_are_no_number_are_refused() -> None:
    assert "valid integer" in refused(max_idle_conns_per_host="many", max_idle_conns=3)


def test_a_proxy_reaches_the_transport_and_hides_its_password() -> None:
    address = f"http://me:{SECRET}@proxy.example.com:3128"
    client = HttpClient.model_validate({"proxy_url": f" {address}\n", "headers": {"X-Key": "other"}})
    assert client.http_settings().proxy == address
    assert SECRET not in repr(client) + repr(client.http_settings())
    assert set(client.shared_secrets) == {"other", SECRET}
    assert made(proxy_url="").proxy == ""


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://{0}@proxy:1", "must begin with http://"),
        ("socks5://{0}@proxy:1", "must begin with http://"),
        ("proxy:3128", "must begin with http://"),
        ("http://me:{0}/x@proxy:1", "%XX"),
        ("http://{0}@", "names no host"),
        ("http://me:{0} x@proxy:1", "characters"),
        ("http://me:{0}@proxy:99999", "not an address"),
        ("http://me:{0}@proxy:1/path", "must end after the port"),
        ("http://me:{0}@proxy:1?x", "must end after the port"),
    ],
)
def test_what_is_no_proxy_is_refused_without_quoting_it(url: str, words: str) -> None:
    assert words in refused(proxy_url=url.format(SECRET))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy", Proxy("proxy", 80)),
        ("HTTP://[::1]:3128/", Proxy("::1", 3128)),
        ("http://me@proxy:8080", Proxy("proxy", 8080, "me", "")),
        ("http://me:p%40%3A%2Fw@proxy:8080", Proxy("proxy", 8080, "me", "p@:/w")),
    ],
)
def test_a_proxys_address_is_taken_apart(url: str, expected: Proxy) -> None:
    assert proxy(url) == expected


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "Host", "Content-Length", "Connection"])
def test_headers_that_the_exporter_sets_are_refused(name: str) -> None:
    assert "set by the exporter itself" in refused(headers={name: SECRET})
