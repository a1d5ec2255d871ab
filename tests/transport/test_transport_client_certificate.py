"""Who we say we are, over real TLS: client certificates, versions, names, and files that change."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelsiem.delivery.judge import judge
from otelsiem.model.destination import HttpSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.model.outcome import Hold
from otelsiem.testing.http import HttpServer, Respond
from otelsiem.transport.http import HttpTransport
from tests.transport.authority import Authority, Pair

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module")
def me(authority: Authority) -> Pair:
    return authority.pair("me", "DNS:client.example")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(params=["1.2", "1.3"])
def mutual(authority: Authority, request: pytest.FixtureRequest) -> Iterator[HttpServer]:
    """A server that wants a client certificate, over one version of TLS."""
    context = authority.certificate("mutual", "IP:127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    context.minimum_version = context.maximum_version = VERSIONS[request.param]
    with HttpServer(lambda seen: Respond(200, seen.body), tls=context) as server:
        yield server


def ask(server: HttpServer, tls: TlsSettings, body: bytes = b"x" * 100_000) -> Reply:
    transport = HttpTransport(HttpSettings(timeout=10, tls=tls))
    try:
        return transport.perform(HttpRequest("POST", server.url + "/", {}, body))
    finally:
        transport.close()


def settings(authority: Authority, pair: Pair | None, **rest: str) -> TlsSettings:
    cert, key = (pair.cert, pair.key) if pair is not None else ("", "")
    return TlsSettings(str(authority.file), cert, key, **rest)  # type: ignore[arg-type]  # names of a row


def refused(reply: Reply, words: str) -> None:
    assert isinstance(reply, Failure), reply
    assert reply.kind == "tls", reply
    assert words in reply.detail
    assert "\n" not in reply.detail
    assert isinstance(judge(reply, 0), Hold)


def test_a_client_certificate_is_shown_and_taken(mutual: HttpServer, authority: Authority, me: Pair) -> None:
    assert isinstance(ask(mutual, settings(authority, me)), Answer)


@pytest.mark.parametrize("body", [b"x", b"x" * 1_000_000], ids=["small", "large"])
def test_p3_a_client_certificate_that_is_missing_or_refused_is_our_fault(
    mutual: HttpServer, authority: Authority, stranger: Authority, body: bytes
) -> None:
    expired = authority.pair("expired-me", "DNS:client.example", "-days", "-1")
    other = stranger.pair("other-me", "DNS:client.example")
    for _ in range(10):  # in TLS 1.3 the refusal comes after the first write, and a reset behind it
        refused(ask(mutual, settings(authority, None), body), "the peer")
        refused(ask(mutual, settings(authority, expired), body), "our certificate (cert_file) has expired")
        refused(ask(mutual, settings(authority, other), body), "does not know the authority of our certificate")
    assert mutual.count == 0


def test_p3_files_that_cannot_be_used_are_named(
    mutual: HttpServer, authority: Authority, me: Pair, tmp_path: Path
) -> None:
    other = authority.pair("unrelated", "DNS:client.example")
    empty, broken = tmp_path / "empty.pem", tmp_path / "broken.pem"
    empty.write_text("nothing in here\n")
    broken.write_text("-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n")
    rows = [
        (Pair(str(tmp_path / "none.pem"), me.key), "the cert_file", "none.pem cannot be read: no such file"),
        (Pair(me.cert, str(tmp_path / "none.key")), "the key_file", "none.key cannot be read: no such file"),
        (Pair(me.cert, str(tmp_path)), "the key_file", "cannot be read: is a directory"),
        (Pair(me.cert, "a\0b"), "the key_file", "cannot be read: not a path"),
        (Pair(me.cert, other.key), "the key_file", "does not belong to the cert_file"),
        (authority.encrypted(me, "planted-secret"), "the key_file", "is encrypted: write it without a password"),
        (Pair(str(empty), me.key), "the cert_file", "holds no certificate in PEM format"),
        (Pair(me.key, me.cert), "the cert_file", "holds no certificate in PEM format"),
        (Pair(me.cert, str(empty)), "the key_file", "holds no private key in PEM format"),
        (Pair(str(broken), me.key), "the cert_file", "cannot be used"),
    ]
    for pair, first, second in rows:
        reply = ask(mutual, settings(authority, pair))
        refused(reply, first)
        refused(reply, second)
        assert "planted-secret" not in repr(reply)
    assert mutual.count == 0


def test_an_older_tls_than_the_settings_ask_for_is_not_spoken(authority: Authority) -> None:
    context = authority.certificate("old", "IP:127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with HttpServer(tls=context) as server:
        assert isinstance(ask(server, settings(authority, None)), Answer)
        refused(ask(server, settings(authority, None, min_version="1.3")), "min_version")


def test_the_name_in_the_settings_is_asked_for_and_checked(authority: Authority) -> None:
    asked: list[str | None] = []
    context = authority.certificate("named", "DNS:splunk.example")
    context.sni_callback = lambda _, name, __: asked.append(name)
    with HttpServer(tls=context) as server:
        refused(ask(server, settings(authority, None)), "host name mismatch")
        assert isinstance(ask(server, settings(authority, None, server_name="splunk.example")), Answer)
        refused(ask(server, settings(authority, None, server_name="other.example")), "host name mismatch")
    assert asked == [None, "splunk.example", "other.example"]  # an address is no name to ask for: RFC 6066 3


def replaced(path: Path, source: str | Path) -> None:
    """As a person does it: a new file moved over the old one."""
    shutil.copy(source, f"{path}.new")
    os.replace(f"{path}.new", path)


@pytest.fixture
def posts() -> Iterator[Callable[[HttpServer, TlsSettings], Callable[[], Reply]]]:
    """One transport that opens a connection for every request."""
    opened: list[HttpTransport] = []

    def make(server: HttpServer, tls: TlsSettings) -> Callable[[], Reply]:
        transport = HttpTransport(HttpSettings(timeout=10, tls=tls, idle_connections=0))
        opened.append(transport)
        return lambda: transport.perform(HttpRequest("POST", server.url, {}, b"x"))

    yield make
    for transport in opened:
        transport.close()


def test_files_that_changed_are_read_again_without_a_fault_before(
    mutual: HttpServer,
    authority: Authority,
    stranger: Authority,
    me: Pair,
    tmp_path: Path,
    posts: Callable[[HttpServer, TlsSettings], Callable[[], Reply]],
) -> None:
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "me.pem", "me.key"))
    other = stranger.pair("new-me", "DNS:client.example")
    for path, source in ((ca, authority.file), (cert, me.cert), (key, me.key)):
        shutil.copy(source, path)
    post = posts(mutual, TlsSettings(str(ca), str(cert), str(key)))
    assert isinstance(post(), Answer)
    replaced(ca, stranger.file)
    refused(post(), "unknown CA")
    replaced(ca, authority.file)
    assert isinstance(post(), Answer)
    replaced(cert, other.cert)
    refused(post(), "does not belong to the cert_file")
    replaced(key, other.key)
    refused(post(), "does not know the authority of our certificate")
    replaced(cert, me.cert)
    replaced(key, me.key)
    assert isinstance(post(), Answer)
    key.unlink()
    refused(post(), "the key_file")


def test_a_key_asks_nobody_for_its_password(authority: Authority, me: Pair, good: ssl.SSLContext) -> None:
    locked = authority.encrypted(me, "planted-secret")
    with HttpServer(tls=good) as server:
        refused(ask(server, settings(authority, locked)), f"the key_file {locked.key} is encrypted")
