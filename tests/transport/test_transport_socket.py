"""Bytes to peers that say nothing: what has arrived, what has not, and when that is known."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from otelsiem.model.destination import SocketSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, SendRequest, StandRequest
from otelsiem.model.standing import Standing, standing
from otelsiem.testing.syslog import BlackHole, HalfClose, Hello, Reset, Serve, SyslogServer
from otelsiem.testing.syslog_message import Message
from otelsiem.testing.syslog_stream import Lines
from otelsiem.transport import line
from otelsiem.transport.socket import REMEMBERED, SESSIONS, SocketTransport
from tests.program import eventually
from tests.transport.authority import Authority

AFTER = 0.2


def taken(record: bytes) -> Message:
    return Message(0, "-", "-", text=record.decode())


def lines(*acts: object, **more: object) -> SyslogServer:
    return SyslogServer(lambda: Lines(1 << 20), acts=acts, reader=taken, **more)  # type: ignore[arg-type]  # acts


@contextmanager
def opened(server: SyslogServer, **settings: object) -> Iterator[SocketTransport]:
    given = {"host": "127.0.0.1", "port": server.port, "timeout": 5.0, "after": AFTER, "dead_after": 20.0, **settings}
    transport = SocketTransport(SocketSettings(**given))  # type: ignore[arg-type]  # names of a row
    try:
        yield transport
    finally:
        transport.close()


def send(transport: SocketTransport, *frames: bytes, session: str = "a") -> Standing:
    return told(transport.perform(SendRequest(frames, session)))


def stand(transport: SocketTransport, at: Standing, patience: float = 10.0, session: str = "a") -> Reply:
    return transport.perform(StandRequest(session, at.connection, at.end, patience))


def told(reply: Reply) -> Standing:
    assert isinstance(reply, Answer), reply
    found = standing(reply.body)
    assert found is not None
    return found


def texts(server: SyslogServer) -> list[str]:
    return [message.text for message in server.messages]


def test_what_was_written_has_stood_when_the_connection_lived_on() -> None:
    with lines() as server, opened(server) as transport:
        at = send(transport, b"one\n")
        assert (at.end, at.stood, at.ended) == (4, -1, {})
        began = time.monotonic()
        found = told(stand(transport, at))
        assert found.stood == 4
        assert time.monotonic() - began >= AFTER
        assert send(transport, b"two\n").stood == 4
        assert texts(server)[:1] == ["one"]
        assert server.connections == 1


def test_sessions_have_connections_of_their_own() -> None:
    with lines() as server, opened(server) as transport:
        numbers = {send(transport, b"x\n", session=name).connection for name in ("a", "b", "c")}
        assert len(numbers) == 3
        assert send(transport, b"x\n", session="b").end == 4
        server.wait_for(lambda: server.connections == 3, "there is one for each")
        for n in range(SESSIONS + 5):
            transport.perform(StandRequest(f"s{n}"))
        assert len(transport._sessions) == SESSIONS


def test_nothing_has_stood_that_the_peer_has_not_taken() -> None:
    """Its window is closed: the bytes are in our kernel only."""
    with lines(BlackHole(), buffer=4096) as server, opened(server) as transport:
        at = send(transport, b"x" * 200_000)
        found = told(stand(transport, at, 4 * AFTER))
        assert found.stood < 200_000


def test_a_peer_that_has_closed_is_heard_before_the_next_write() -> None:
    with lines(Serve(1), Serve()) as server, opened(server) as transport:
        first = send(transport, b"one\n")
        server.wait_for(lambda: server.connections == 1 and not server._open, "it has ended the connection")
        second = send(transport, b"two\n")
        assert second.connection != first.connection
        assert second.ended == {first.connection: -1}
        assert second.wary
        assert told(stand(transport, second)).stood == 4
        assert texts(server) == ["one", "two"]


@pytest.mark.parametrize("act", [Reset(1), Serve(1), HalfClose()], ids=["reset", "end", "half"])
def test_a_connection_that_ends_before_its_bytes_have_stood_says_so(act: Reset | Serve | HalfClose) -> None:
    with lines(act) as server, opened(server) as transport:
        at = send(transport, b"one\n")
        reply = stand(transport, at)
        assert isinstance(reply, Failure)
        assert reply.kind == "reset"
        assert reply.sent
        found = told(transport.perform(StandRequest("a")))
        assert found.connection == 0
        assert found.ended == {at.connection: -1}


def test_what_had_stood_stays_known_after_the_end() -> None:
    with lines() as server, opened(server) as transport:
        at = send(transport, b"one\n")
        told(stand(transport, at))
        server.drop()
        found = told(transport.perform(StandRequest("a")))
        while found.connection:  # its FIN is on the way
            found = told(transport.perform(StandRequest("a")))
        assert found.ended == {at.connection: 4}
        assert not found.wary
        for n in range(REMEMBERED + 3):
            at = send(transport, b"x\n")
            server.wait_for(lambda: server.connections == n + 2, "it is there")  # noqa: B023 - called at once
            server.drop()
            while told(transport.perform(StandRequest("a"))).connection:
                pass
        assert len(told(transport.perform(StandRequest("a"))).ended) == REMEMBERED


def test_a_black_hole_ends_when_it_has_taken_nothing_for_long_enough() -> None:
    with lines(BlackHole(), buffer=4096) as server, opened(server, dead_after=0.5) as transport:
        reply = transport.perform(SendRequest((b"x" * (64 << 20),), "a"))
        assert isinstance(reply, Failure)
        assert reply.kind == "timeout"
        assert "taken nothing for 0.5 s" in reply.detail
        assert reply.sent


def test_a_slow_peer_is_waited_for_longer_than_a_request_may_take() -> None:
    """As long as it takes something: ending a half-written stream would send all of it again."""
    body = b"".join([b"%d %s\n" % (n, b"x" * 1000) for n in range(4000)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        read = bytearray()

        def slowly() -> None:
            sock, _ = listener.accept()
            with sock:
                while len(read) < len(body):
                    read.extend(sock.recv(100_000))
                    time.sleep(0.02)  # two seconds for all of it

        reader = threading.Thread(target=slowly)
        reader.start()
        settings = SocketSettings("127.0.0.1", listener.getsockname()[1], timeout=0.3, after=AFTER, dead_after=2.0)
        transport = SocketTransport(settings)
        assert isinstance(transport.perform(SendRequest((body,), "a")), Answer)
        reader.join(30)
        transport.close()
        assert bytes(read) == body


def test_an_interrupt_ends_what_waits() -> None:
    with lines(BlackHole(), buffer=4096) as server, opened(server) as transport:
        replies: list[Reply] = []
        at = send(transport, b"x\n", session="b")
        work = [
            threading.Thread(target=lambda: replies.append(transport.perform(SendRequest((b"x" * (64 << 20),), "a")))),
            threading.Thread(
                target=lambda: replies.append(transport.perform(StandRequest("b", at.connection, 99, 60)))
            ),
        ]
        for thread in work:
            thread.start()
        server.wait_for(lambda: server.connections == 2, "both are there")
        time.sleep(0.2)  # both block; nothing tells that
        transport.interrupt()
        for thread in work:
            thread.join(5)
        assert [type(reply) for reply in replies] == [Failure, Failure]
        assert isinstance(transport.perform(SendRequest((b"x",), "c")), Failure)


def test_a_close_lets_the_peer_read_everything(authority: Authority) -> None:
    """With close_notify before the FIN, without which rsyslog logs an error."""
    context = authority.certificate("closing", "IP:127.0.0.1")
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    body = b"".join([b"%d\n" % n for n in range(100_000)])
    for tls, server in ((None, lines()), (TlsSettings(ca_file=str(authority.file)), lines(tls=context))):
        with server:
            with opened(server, tls=tls) as transport:
                send(transport, body)
            server.wait_for(lambda: len(server.messages) == 100_000, "all of it is read")  # noqa: B023 - at once
            assert not server.closed


def test_a_system_that_tells_nothing_is_given_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "unacknowledged", lambda _: None)
    with lines() as server, opened(server) as transport:
        at = send(transport, b"one\n")
        began = time.monotonic()
        assert told(stand(transport, at)).stood == 4
        assert time.monotonic() - began >= AFTER * line.UNTOLD


def test_a_fault_that_a_person_mends_is_told_once_before_it_is_tried_again() -> None:
    server = lines(Hello(b"SSH-2.0-OpenSSH\r\n"), Hello(b"\x15\x03\x01\x00\x02\x02\x46"), Serve())
    with server, opened(server) as transport:
        for words in ("is it another service?", "it speaks TLS on this port"):
            send(transport, b"lost\n")
            while told(transport.perform(StandRequest("a"))).connection:
                pass
            reply = transport.perform(SendRequest((b"not sent\n",), "a"))
            assert isinstance(reply, Failure)
            assert words in reply.detail
            assert not reply.sent
        told(stand(transport, send(transport, b"arrives\n")))
        eventually(lambda: texts(server)[-1] == "arrives", 20, "what its kernel has, the server reads in its time")
        assert "not sent" not in texts(server)


@pytest.mark.parametrize("size", [10, 8_000_000], ids=["small", "large"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_refused_client_certificate_is_known_before_anything_has_stood(
    authority: Authority, version: ssl.TLSVersion, size: int
) -> None:
    """A large write fails on the reset behind the alert; the alert is what is told."""
    context = authority.certificate("asks", "IP:127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    context.minimum_version = context.maximum_version = version
    with lines(tls=context) as server, opened(server, tls=TlsSettings(ca_file=str(authority.file))) as transport:
        reply = transport.perform(SendRequest((b"x" * size,), "a"))
        if isinstance(reply, Answer):  # TLS 1.3: the write went well
            reply = stand(transport, told(reply))
        assert isinstance(reply, Failure)
        assert reply.kind == "tls"
        assert not server.messages


def test_nobody_there_and_no_such_host() -> None:
    with lines() as server:
        server.down()
        with opened(server) as transport:
            reply = transport.perform(SendRequest((b"x\n",), "a"))
            assert isinstance(reply, Failure)
            assert (reply.kind, reply.sent) == ("connect", False)
        with opened(server, host="host.invalid") as transport:
            reply = transport.perform(SendRequest((b"x\n",), "a"))
            assert isinstance(reply, Failure)
            assert reply.kind in {"resolve", "connect"}


def test_a_socket_carries_nothing_else() -> None:
    with lines() as server, opened(server) as transport:
        assert isinstance(transport.perform(HttpRequest("GET", "http://127.0.0.1/")), Failure)


def test_datagrams_are_messages_and_a_host_without_a_listener_is_heard() -> None:
    with SyslogServer(reader=taken, udp=True) as server, opened(server, network="udp") as transport:
        assert isinstance(transport.perform(SendRequest((b"one", b"two"), "a")), Answer)
        server.wait_for(lambda: texts(server) == ["one", "two"], "both are there")
        server.down()
        replies = [transport.perform(SendRequest((b"x", b"y"), "a")) for _ in range(4)]
        assert isinstance(replies[-1], Failure)
        assert replies[-1].kind == "connect"
        assert "ICMP" in replies[-1].detail
        server.up()
        assert isinstance(transport.perform(SendRequest((b"three",), "a")), Answer)
        server.wait_for(lambda: "three" in texts(server), "it came")
        large = transport.perform(SendRequest((b"x" * 70_000,), "a"))
        assert isinstance(large, Failure)
        assert large.kind == "oversize"


def test_what_is_no_standing_is_none() -> None:
    for body in (b"", b"{}", b"[]", b"\xff", b'{"connection":1}', b"x" * (2 << 20), b"[" * 10_000):
        assert standing(body) is None
    at = Standing(3, 10, 5, {1: -1, 2: 7}, wary=True)
    assert standing(at.encode()) == at
