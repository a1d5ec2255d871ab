from __future__ import annotations

import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from otelsiem.model.destination import HttpSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.testing.http import Hang, HttpServer, Raw, Respond
from otelsiem.transport.connection import Connection
from otelsiem.transport.http import HttpTransport
from tests.transport.authority import Authority


def ask(server: HttpServer, authority: Authority | None, *, verify: bool = True, timeout: float = 5.0) -> Reply:
    ca_file = str(authority.file) if authority is not None else ""
    transport = HttpTransport(HttpSettings(timeout=timeout, tls=TlsSettings(ca_file=ca_file, verify=verify)))
    try:
        return transport.perform(HttpRequest("POST", server.url + "/", {}, b"x" * 100_000))
    finally:
        transport.close()


def tls_fault(reply: Reply, words: str) -> None:
    assert isinstance(reply, Failure), reply
    assert reply.kind == "tls", reply
    assert words in reply.detail
    assert not reply.sent


def test_a_trusted_certificate_is_accepted(authority: Authority, good: ssl.SSLContext) -> None:
    with HttpServer(lambda seen: Respond(200, seen.body), tls=good) as server:
        reply = ask(server, authority)
    assert isinstance(reply, Answer), reply
    assert len(reply.body) == 100_000


def test_an_unknown_ca_is_named(good: ssl.SSLContext) -> None:
    with HttpServer(tls=good) as server:
        tls_fault(ask(server, None), "unknown CA")
        assert server.count == 0


def test_verification_can_be_switched_off_explicitly(good: ssl.SSLContext) -> None:
    with HttpServer(tls=good) as server:
        assert isinstance(ask(server, None, verify=False), Answer)


def test_an_expired_certificate_is_named(authority: Authority) -> None:
    context = authority.certificate("expired", "IP:127.0.0.1", "-days", "-1")
    with HttpServer(tls=context) as server:
        tls_fault(ask(server, authority), "expired")


def test_a_certificate_for_another_name_is_named(authority: Authority) -> None:
    with HttpServer(tls=authority.certificate("other", "DNS:other.example")) as server:
        tls_fault(ask(server, authority), "host name mismatch")


def test_a_plain_answer_to_a_handshake_says_so(authority: Authority) -> None:
    with HttpServer(early=lambda _: Raw(b"")) as server:
        server._converse = lambda reader, number: reader.stream.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")  # type: ignore[method-assign]
        transport = HttpTransport(HttpSettings(tls=TlsSettings(ca_file=str(authority.file))))
        reply = transport.perform(HttpRequest("GET", server.url.replace("http:", "https:")))
        transport.close()
    tls_fault(reply, "does not speak TLS")


def test_a_missing_ca_file_is_a_failure_and_is_found_once_it_is_there(
    authority: Authority, good: ssl.SSLContext, tmp_path: Path
) -> None:
    later = tmp_path / "ca.pem"
    with HttpServer(tls=good) as server:
        transport = HttpTransport(HttpSettings(tls=TlsSettings(ca_file=str(later))))
        request = HttpRequest("GET", server.url)
        tls_fault(transport.perform(request), "ca_file")
        later.write_text("no certificate in here\n")
        tls_fault(transport.perform(request), "ca_file")
        shutil.copy(authority.file, later)
        assert isinstance(transport.perform(request), Answer)
        transport.close()


def test_a_replaced_ca_file_is_read_again_after_a_fault(
    authority: Authority, good: ssl.SSLContext, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    trusted = tmp_path / "ca.pem"
    shutil.copy(Authority(stranger).file, trusted)
    with HttpServer(tls=good) as server:
        transport = HttpTransport(HttpSettings(tls=TlsSettings(ca_file=str(trusted))))
        request = HttpRequest("GET", server.url)
        tls_fault(transport.perform(request), "unknown CA")
        shutil.copy(authority.file, trusted)
        assert isinstance(transport.perform(request), Answer)
        transport.close()


def test_the_deadline_covers_the_handshake(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts in the kernel and says nothing
        transport = HttpTransport(HttpSettings(timeout=0.2, tls=TlsSettings(ca_file=str(authority.file))))
        reply = transport.perform(HttpRequest("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        transport.close()
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.sent) == ("timeout", False)


def test_an_interrupt_ends_a_handshake(authority: Authority) -> None:
    replies: list[Reply] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = HttpTransport(HttpSettings(timeout=60, tls=TlsSettings(ca_file=str(authority.file))))
        request = HttpRequest("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread = threading.Thread(target=lambda: replies.append(transport.perform(request)))
        thread.start()
        connection, _ = listener.accept()
        assert connection.recv(1) == b"\x16"  # the handshake has begun
        transport.interrupt()
        thread.join(5)
        connection.close()
        transport.close()
    (reply,) = replies
    assert isinstance(reply, Failure)
    assert (reply.kind, "interrupted" in reply.detail, reply.sent) == ("reset", True, False)


def test_the_deadline_covers_an_encrypted_answer(authority: Authority, good: ssl.SSLContext) -> None:
    with HttpServer(lambda _: Respond(200, b"x" * 100, drip=0.05), tls=good) as server:
        reply = ask(server, authority, timeout=0.4)
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.sent) == ("timeout", True)


def test_a_body_that_left_in_part_counts_as_sent_in_tls_too(authority: Authority, good: ssl.SSLContext) -> None:
    def shake(listener: socket.socket, done: threading.Event) -> None:
        with good.wrap_socket(listener.accept()[0], server_side=True):
            done.wait(10)  # and read nothing

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=shake, args=(listener, done), daemon=True)
        thread.start()
        transport = HttpTransport(HttpSettings(timeout=1.0, tls=TlsSettings(ca_file=str(authority.file))))
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        reply = transport.perform(HttpRequest("POST", url, {}, b"x" * (32 << 20)))
        done.set()
        thread.join(5)
        transport.close()
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.sent) == ("timeout", True)


def test_an_interrupt_ends_an_encrypted_request(authority: Authority, good: ssl.SSLContext) -> None:
    replies: list[Reply] = []
    with HttpServer(lambda _: Hang(), tls=good) as server:
        transport = HttpTransport(HttpSettings(timeout=60, tls=TlsSettings(ca_file=str(authority.file))))
        request = HttpRequest("POST", server.url, {}, b"x")
        thread = threading.Thread(target=lambda: replies.append(transport.perform(request)))
        thread.start()
        server.wait_for(1)
        transport.interrupt()
        thread.join(5)
        transport.close()
    (reply,) = replies
    assert isinstance(reply, Failure)
    assert "interrupted" in reply.detail


@pytest.mark.parametrize("drop", [True, False], ids=["closed while idle", "closed in a race"])
def test_a_kept_encrypted_connection_that_was_closed_is_replaced(
    authority: Authority, good: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, drop: bool
) -> None:
    if not drop:
        monkeypatch.setattr(Connection, "has_ended", lambda _: False)
    with HttpServer(lambda _: Respond(200, b"ok", hangup=True), tls=good) as server:
        transport = HttpTransport(HttpSettings(tls=TlsSettings(ca_file=str(authority.file))))
        for _ in range(3):
            reply = transport.perform(HttpRequest("POST", server.url, {}, b"x" * 50_000))
            assert isinstance(reply, Answer), reply
            server.drop()
        assert server.count == 3
        transport.close()
