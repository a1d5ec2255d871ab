"""A CA named by its fingerprint: found in the peer's chain, and trusted for what it signed, not for being shown."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from otelsiem.model.destination import HttpSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.model.fingerprint import fingerprint, shown
from otelsiem.testing.http import HttpServer, Respond
from otelsiem.transport.http import HttpTransport
from tests.transport.authority import Authority, Pair
from tests.transport.proxy import Proxy

HERE = "IP:127.0.0.1,DNS:localhost"


def digits(path: Path | str) -> str:
    """The fingerprint of the first certificate of a file."""
    text = Path(path).read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()


def showing(directory: Path, pair: Pair, *chain: Path | str) -> ssl.SSLContext:
    """A server that shows these certificates behind its own."""
    whole = directory / "chain.pem"
    whole.write_text("".join(Path(part).read_text() for part in (pair.cert, *chain)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole, pair.key)
    return context


def pinned(
    text: str, *, timeout: float = 5.0, proxy: str = "", name: str = "", pair: Pair | None = None
) -> HttpTransport:
    tls = TlsSettings(fingerprint=text, server_name=name)
    if pair is not None:
        tls = TlsSettings(fingerprint=text, cert_file=pair.cert, key_file=pair.key)
    return HttpTransport(HttpSettings(timeout=timeout, tls=tls, proxy=proxy))


def ask(server: HttpServer, text: str, *, proxy: str = "", name: str = "") -> Reply:
    transport = pinned(text, proxy=proxy, name=name)
    try:
        return transport.perform(HttpRequest("POST", server.url + "/", {"authorization": "ApiKey planted"}, b"x"))
    finally:
        transport.close()


def refused(reply: Reply, *words: str) -> None:
    assert isinstance(reply, Failure), reply
    assert (reply.kind, reply.sent) == ("tls", False), reply
    assert all(word in reply.detail for word in words), reply.detail


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.pair("shown", HERE)


@pytest.mark.parametrize("write", [str, str.upper, shown, lambda d: f"sha256 Fingerprint={shown(d)}\n"])
def test_the_ca_of_the_chain_is_trusted_by_its_fingerprint(
    authority: Authority, pair: Pair, tmp_path: Path, write: type[str]
) -> None:
    with HttpServer(tls=showing(tmp_path, pair, authority.file)) as server:
        reply = ask(server, write(digits(authority.file)))
        assert isinstance(reply, Answer), reply
        assert (server.connections, server.count) == (2, 1), "one to see the chain, one for the request"


def test_the_chain_is_looked_at_once(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    with HttpServer(lambda _: Respond(hangup=True), tls=showing(tmp_path, pair, authority.file)) as server:
        transport = pinned(digits(authority.file))
        for _ in range(3):
            assert isinstance(transport.perform(HttpRequest("GET", server.url)), Answer)
        transport.close()
        assert server.connections == 4, "the first look, and a connection for each request"


def test_an_attacker_who_shows_the_public_ca_certificate_gets_nothing(authority: Authority, tmp_path: Path) -> None:
    """The certificate with the fingerprint is in his chain, but did not sign his own, whatever that calls itself."""
    strange = tmp_path / "strange"
    strange.mkdir()
    namesake = Authority(strange)  # its subject is that of ours, so its certificates name ours as their issuer
    with HttpServer(tls=showing(tmp_path, namesake.pair("evil", HERE), authority.file)) as server:
        refused(ask(server, digits(authority.file)), "somebody is in between")
        assert server.count == 0
    alone = namesake.pair("evil", HERE)
    with HttpServer(tls=showing(tmp_path, Pair(str(namesake.file), str(strange / "ca.key")), authority.file)) as server:
        refused(ask(server, digits(authority.file)))
        assert server.count == 0
    with HttpServer(tls=showing(tmp_path, alone, namesake.file, authority.file)) as server:
        refused(ask(server, digits(authority.file)), "somebody is in between")
        assert server.count == 0


def test_what_was_learned_from_one_node_gives_another_no_trust(
    authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    strange = tmp_path / "strange"
    strange.mkdir()
    evil = Authority(strange).pair("evil", HERE)
    with (
        HttpServer(tls=showing(tmp_path, pair, authority.file)) as good,
        HttpServer(tls=showing(strange, evil, authority.file)) as bad,
    ):
        transport = pinned(digits(authority.file))
        assert isinstance(transport.perform(HttpRequest("GET", good.url)), Answer)
        refused(transport.perform(HttpRequest("GET", bad.url)), "somebody is in between")
        assert isinstance(transport.perform(HttpRequest("GET", good.url)), Answer)
        transport.close()
        assert bad.count == 0


def test_the_name_is_checked_as_usual(authority: Authority, tmp_path: Path) -> None:
    other = authority.pair("elsewhere", "DNS:other.example")
    with HttpServer(tls=showing(tmp_path, other, authority.file)) as server:
        refused(ask(server, digits(authority.file)), "host name mismatch")
        assert isinstance(ask(server, digits(authority.file), name="other.example"), Answer)


def test_the_validity_is_checked_as_usual(authority: Authority, tmp_path: Path) -> None:
    old = authority.pair("old", HERE, "-days", "-1")
    with HttpServer(tls=showing(tmp_path, old, authority.file)) as server:
        refused(ask(server, digits(authority.file)), "expired")


def test_a_chain_without_it_says_what_it_holds(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    with HttpServer(tls=showing(tmp_path, pair)) as server:
        reply = ask(server, digits(authority.file))
        refused(reply, shown(digits(authority.file)), shown(digits(pair.cert)), "ca_file")
        assert (server.connections, server.count) == (1, 0)


def test_a_server_that_shows_its_ca_later_is_trusted_later(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    with HttpServer(tls=showing(tmp_path, pair)) as server:
        transport = pinned(digits(authority.file))
        refused(transport.perform(HttpRequest("GET", server.url)), "compare")
        server.down()
        server._tls = showing(tmp_path, pair, authority.file)
        server.up()
        assert isinstance(transport.perform(HttpRequest("GET", server.url)), Answer)
        transport.close()


def test_after_a_fault_the_chain_is_looked_at_again(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    with HttpServer(lambda _: Respond(hangup=True), tls=showing(tmp_path, pair, authority.file)) as server:
        transport = pinned(digits(authority.file))
        assert isinstance(transport.perform(HttpRequest("GET", server.url)), Answer)
        server.down()
        server._tls = showing(tmp_path, authority.pair("old2", HERE, "-days", "-1"), authority.file)
        server.up()
        refused(transport.perform(HttpRequest("GET", server.url)), "expired")
        before = server.connections
        refused(transport.perform(HttpRequest("GET", server.url)), "expired")
        assert server.connections == before + 2, "the look, and the handshake that failed"
        transport.close()


@pytest.mark.parametrize("which", ["root", "intermediate", "leaf"])
def test_any_certificate_of_the_chain_can_be_named(authority: Authority, tmp_path: Path, which: str) -> None:
    below = Authority(tmp_path, authority)
    own = below.pair("deep", HERE)
    paths: dict[str, Path | str] = {"root": authority.file, "intermediate": below.file, "leaf": own.cert}
    text = digits(paths[which])
    with HttpServer(tls=showing(tmp_path, own, below.file, authority.file)) as server:
        assert isinstance(ask(server, text), Answer)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_our_own_certificate_is_shown_only_to_a_peer_that_has_proven_itself(
    authority: Authority, pair: Pair, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = showing(tmp_path, pair, authority.file)
    context.minimum_version = context.maximum_version = version
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    transport = pinned(digits(authority.file), pair=authority.pair("us", "DNS:us"))
    with HttpServer(tls=context) as server:
        assert isinstance(transport.perform(HttpRequest("GET", server.url)), Answer)
        transport.close()
    shown_to: list[object] = []
    context.verify_mode = ssl.CERT_OPTIONAL
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_note_certificates, args=(listener, context, shown_to), daemon=True)
        thread.start()
        transport = pinned(digits(authority.file), pair=authority.pair("us", "DNS:us"))
        reply = transport.perform(HttpRequest("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        transport.close()
        thread.join(5)
    assert isinstance(reply, Answer), reply
    assert [bool(certificate) for certificate in shown_to] == [False, True]


def _note_certificates(listener: socket.socket, context: ssl.SSLContext, found: list[object]) -> None:
    for _ in range(2):
        with context.wrap_socket(listener.accept()[0], server_side=True) as peer:
            found.append(peer.getpeercert())
            if peer.recv(4096):
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


def test_not_a_byte_of_a_request_leaves_before_the_peer_is_known(
    authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    """The connection that shows the chain carries a handshake and its end, nothing else."""
    context, heard = showing(tmp_path, pair, authority.file), [b"?"]

    def listen(listener: socket.socket) -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as peer:
            try:
                heard[0] = peer.recv(4096)
            except (ssl.SSLEOFError, ConnectionResetError):
                heard[0] = b""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen, args=(listener,), daemon=True)
        thread.start()
        transport = pinned(digits(authority.file), timeout=1.0)
        transport.perform(HttpRequest("POST", f"https://127.0.0.1:{listener.getsockname()[1]}/", {}, b"secret"))
        transport.close()
        thread.join(5)
    assert heard == [b""]


@pytest.mark.parametrize("text", ["beef", "zz" * 32, "a" * 63, ":".join(["aa"] * 31), "aa:" * 32, "é" * 64])
def test_what_is_no_fingerprint_trusts_nobody(authority: Authority, pair: Pair, tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        fingerprint(text)
    with HttpServer(tls=showing(tmp_path, pair, authority.file)) as server:
        refused(ask(server, text), "64 hex digits")
        assert server.count == 0


def test_the_look_goes_through_the_proxy_too(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    with HttpServer(tls=showing(tmp_path, pair, authority.file)) as server, Proxy() as proxy:
        assert isinstance(ask(server, digits(authority.file), proxy=proxy.url()), Answer)


def test_the_deadline_covers_the_look(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = pinned(digits(authority.file), timeout=0.2)
        reply = transport.perform(HttpRequest("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        transport.close()
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.sent) == ("timeout", False)


def test_an_interrupt_ends_the_look(authority: Authority) -> None:
    replies: list[Reply] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = pinned(digits(authority.file), timeout=60)
        request = HttpRequest("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread = threading.Thread(target=lambda: replies.append(transport.perform(request)))
        thread.start()
        connection, _ = listener.accept()
        assert connection.recv(1) == b"\x16"
        transport.interrupt()
        thread.join(5)
        connection.close()
        transport.close()
    (reply,) = replies
    assert isinstance(reply, Failure)
    assert "interrupted" in reply.detail


def test_a_server_that_is_down_is_retried_not_held(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = pinned(digits(authority.file))
    reply = transport.perform(HttpRequest("GET", f"https://127.0.0.1:{port}/"))
    transport.close()
    assert isinstance(reply, Failure)
    assert reply.kind == "connect"
