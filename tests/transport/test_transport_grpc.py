"""gRPC calls: what a peer answers is an Answer, what prevents an answer is a Failure of the kind that it is."""

from __future__ import annotations

import shutil
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from otelsiem.model.destination import GrpcSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, GrpcRequest, HttpRequest, Reply
from otelsiem.otlp.replies import status
from otelsiem.testing.http import HttpServer, Raw, Respond
from otelsiem.testing.otlp_grpc import METHOD, Cut, FakeOtlpGrpc, Hang, Huge, Status
from otelsiem.transport.grpc import GrpcTransport
from tests.program import eventually
from tests.transport.authority import Authority, Pair

OK = Answer(200, {"grpc-status": "0"}, b"")
MESSAGE = b"\x0a\x00\x0a\x06\x12\x04\x12\x02\x08\x00"  # an empty ResourceLogs, and one with an empty record


@contextmanager
def transport(**settings: Any) -> Iterator[GrpcTransport]:
    made = GrpcTransport(GrpcSettings(**{"timeout": 5.0, **settings}))
    try:
        yield made
    finally:
        made.close()


def request(port: int, scheme: str = "http", host: str = "127.0.0.1", **more: Any) -> GrpcRequest:
    return GrpcRequest(f"{scheme}://{host}:{port}", METHOD, MESSAGE, **more)


def ask(port: int, scheme: str = "http", **settings: Any) -> Reply:
    with transport(**settings) as made:
        return made.perform(request(port, scheme))


def failed(reply: Reply, kind: str, words: str, *, sent: bool) -> None:
    assert isinstance(reply, Failure), reply
    assert (reply.kind, reply.sent) == (kind, sent), reply
    assert words in reply.detail


def served(pair: Pair, client_ca: str = "") -> grpc.ServerCredentials:
    ca = Path(client_ca).read_bytes() if client_ca else None
    pairs = [(Path(pair.key).read_bytes(), Path(pair.cert).read_bytes())]
    return grpc.ssl_server_credentials(pairs, ca, require_client_auth=bool(client_ca))


def test_a_call_is_answered_with_metadata_and_compression() -> None:
    with FakeOtlpGrpc() as peer, transport() as made:
        call = request(peer.port, metadata={"authorization": "Bearer x"}, compression="gzip")
        assert made.perform(call) == OK
        assert peer.metadata[0]["authorization"] == "Bearer x"
        assert peer.metadata[0]["user-agent"].startswith("otelsiem/")
        assert len(peer.store.records) == 1


def test_calls_of_several_threads_share_a_connection() -> None:
    replies: list[Reply] = []
    with FakeOtlpGrpc() as peer, transport() as made:
        made.perform(request(peer.port))
        threads = [threading.Thread(target=lambda: replies.append(made.perform(request(peer.port)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [isinstance(reply, Answer) for reply in replies] == [True] * 8
        assert len(set(peer.peers)) == 1


def test_what_the_peer_says_is_an_answer_with_its_details() -> None:
    with FakeOtlpGrpc() as peer, transport() as made:
        peer.answers_with([Status(8, "slow down: é", 7.5), Status(14, "away"), Status(16, "who are you")])
        replies = [made.perform(request(peer.port)) for _ in range(3)]
    answers = [reply for reply in replies if isinstance(reply, Answer)]
    assert [answer.headers["grpc-status"] for answer in answers] == ["8", "14", "16"]
    assert answers[0].headers["grpc-message"] == "slow down: é"
    told = status(b64decode(answers[0].headers["grpc-status-details-bin"]))
    assert told is not None
    assert told.delay == 7.5


def test_a_peer_that_speaks_of_connections_of_its_own_has_answered() -> None:
    with FakeOtlpGrpc() as peer, transport() as made:
        peer.answers_with([Status(14, "failed to connect to all addresses; last error: upstream")])
        reply = made.perform(request(peer.port))
    assert isinstance(reply, Answer)
    assert reply.headers["grpc-status"] == "14"


def test_a_method_that_is_not_there_is_an_answer() -> None:
    with FakeOtlpGrpc() as peer, transport() as made:
        reply = made.perform(GrpcRequest(f"http://127.0.0.1:{peer.port}", "/some.Other/Method", b""))
    assert isinstance(reply, Answer)
    assert reply.headers["grpc-status"] == "12"


def test_a_message_over_the_peers_limit_is_an_answer() -> None:
    with FakeOtlpGrpc(largest=1000) as peer, transport() as made:
        reply = made.perform(GrpcRequest(f"http://127.0.0.1:{peer.port}", METHOD, b"x" * 2000))
    assert isinstance(reply, Answer)
    assert reply.headers["grpc-status"] == "8"


def test_an_answer_over_our_limit_is_no_verdict() -> None:
    with FakeOtlpGrpc() as peer:
        peer.answers_with([Huge(100_000)])
        failed(ask(peer.port, max_reply=10_000), "oversize", "larger than 10000 bytes", sent=True)


def test_nobody_there() -> None:
    with FakeOtlpGrpc() as peer:
        port = peer.port
    failed(ask(port), "connect", "refused", sent=False)


def test_no_such_host() -> None:
    with transport() as made:
        failed(made.perform(request(4317, host="nosuch.invalid")), "resolve", "no such host", sent=False)


def test_it_is_tried_again_at_once_when_the_peer_is_back() -> None:
    with FakeOtlpGrpc() as peer, transport() as made:
        assert made.perform(request(peer.port)) == OK
        peer.down()
        assert isinstance(made.perform(request(peer.port)), Failure)
        for _ in range(8):  # gRPC's own pauses grow with each
            failed(made.perform(request(peer.port)), "connect", "refused", sent=False)
        peer.up()
        assert made.perform(request(peer.port)) == OK


def test_a_connection_cut_after_the_message_was_read_may_have_delivered_it() -> None:
    with FakeOtlpGrpc() as peer, transport() as made:
        peer.answers_with([Cut()])
        failed(made.perform(request(peer.port)), "reset", "ended before the answer", sent=True)
        assert made.perform(request(peer.port)) == OK


def test_the_deadline_is_kept() -> None:
    with FakeOtlpGrpc() as peer:
        peer.answers_with([Hang()])
        failed(ask(peer.port, timeout=0.3), "timeout", "the deadline passed", sent=True)


def test_the_deadline_covers_a_peer_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reply = ask(listener.getsockname()[1], timeout=0.3)
    assert isinstance(reply, Failure)
    assert reply.kind == "timeout"


def test_an_http_1_server_is_named() -> None:
    with HttpServer(lambda _: Respond(404)) as server:
        failed(ask(server.port), "protocol", "use otlp_http", sent=False)


def test_tls_on_the_other_side_is_named(authority: Authority) -> None:
    with FakeOtlpGrpc(served(authority.pair("tls", "IP:127.0.0.1"))) as peer:
        failed(ask(peer.port), "reset", "may speak TLS", sent=False)
    with HttpServer(lambda _: Raw(b"\x15\x03\x01\x00\x02\x02\x46\x00\x00")) as server:
        failed(ask(server.port), "protocol", "speaks TLS", sent=False)


def test_no_tls_on_the_other_side_is_named() -> None:
    with FakeOtlpGrpc() as peer:
        failed(ask(peer.port, "https"), "tls", "does not speak TLS", sent=False)


def test_an_interrupt_ends_a_call_and_those_to_come() -> None:
    replies: list[Reply] = []
    with FakeOtlpGrpc() as peer, transport(timeout=60.0) as made:
        peer.answers_with([Hang()])
        thread = threading.Thread(target=lambda: replies.append(made.perform(request(peer.port))))
        thread.start()
        eventually(lambda: bool(peer.metadata), 10, "the call is there")
        made.interrupt()
        thread.join(10)
        failed(replies[0], "reset", "interrupted", sent=True)
        failed(made.perform(request(peer.port)), "reset", "interrupted", sent=False)


def test_close_ends_what_is_under_way() -> None:
    replies: list[Reply] = []
    with FakeOtlpGrpc() as peer:
        made = GrpcTransport(GrpcSettings(timeout=60.0))
        peer.answers_with([Hang()])
        thread = threading.Thread(target=lambda: replies.append(made.perform(request(peer.port))))
        thread.start()
        eventually(lambda: bool(peer.metadata), 10, "the call is there")
        made.close()
        thread.join(10)
        assert not thread.is_alive()
    assert isinstance(replies[0], Failure)


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FakeOtlpGrpc() as peer:
        assert ask(peer.port) == OK


def test_what_is_no_call_or_no_address_is_a_failure() -> None:
    with transport() as made:
        failed(made.perform(HttpRequest("POST", "http://x")), "protocol", "cannot carry", sent=False)
        failed(made.perform(GrpcRequest("unix:///x", METHOD, b"")), "protocol", "address", sent=False)


def test_a_trusted_certificate_is_accepted_and_an_unknown_one_named(authority: Authority) -> None:
    pair = authority.pair("grpc", "IP:127.0.0.1")
    with FakeOtlpGrpc(served(pair)) as peer:
        assert ask(peer.port, "https", tls=TlsSettings(ca_file=str(authority.file))) == OK
        failed(ask(peer.port, "https"), "tls", "unknown CA", sent=False)


@pytest.mark.parametrize(
    ("alternative", "when", "words"),
    [("IP:127.0.0.1", ("-days", "-1"), "expired"), ("DNS:other.example", (), "host name mismatch")],
)
def test_other_faults_of_a_certificate_are_named(
    authority: Authority, alternative: str, when: tuple[str, ...], words: str
) -> None:
    pair = authority.pair("faulty", alternative, *when)
    with FakeOtlpGrpc(served(pair)) as peer:
        tls = TlsSettings(ca_file=str(authority.file))
        failed(ask(peer.port, "https", tls=tls), "tls", words, sent=False)


def test_a_certificate_for_another_name_that_is_expected(authority: Authority) -> None:
    pair = authority.pair("named", "DNS:other.example")
    with FakeOtlpGrpc(served(pair)) as peer:
        tls = TlsSettings(ca_file=str(authority.file), server_name="other.example")
        assert ask(peer.port, "https", tls=tls) == OK


def test_a_client_certificate_is_shown_and_its_absence_named(authority: Authority) -> None:
    server, client = authority.pair("server", "IP:127.0.0.1"), authority.pair("client", "DNS:client")
    ca = str(authority.file)
    with FakeOtlpGrpc(served(server, ca)) as peer:
        shown = TlsSettings(ca_file=ca, cert_file=client.cert, key_file=client.key)
        assert ask(peer.port, "https", tls=shown) == OK
        failed(ask(peer.port, "https", tls=TlsSettings(ca_file=ca)), "reset", "cert_file", sent=False)


def test_files_that_cannot_be_used_are_named_and_found_once_they_are_there(
    authority: Authority, tmp_path: Path
) -> None:
    later = tmp_path / "ca.pem"
    with (
        FakeOtlpGrpc(served(authority.pair("late", "IP:127.0.0.1"))) as peer,
        transport(tls=TlsSettings(ca_file=str(later))) as made,
    ):
        failed(made.perform(request(peer.port, "https")), "tls", "ca_file", sent=False)
        later.write_text("no certificate in here\n")
        failed(made.perform(request(peer.port, "https")), "tls", "ca_file", sent=False)
        shutil.copy(authority.file, later)
        assert made.perform(request(peer.port, "https")) == OK


def test_a_replaced_file_is_used_from_the_next_call_on_and_disturbs_none_under_way(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    trusted = tmp_path / "ca.pem"
    shutil.copy(authority.file, trusted)
    replies: list[Reply] = []
    with (
        FakeOtlpGrpc(served(authority.pair("kept", "IP:127.0.0.1"))) as peer,
        transport(tls=TlsSettings(ca_file=str(trusted))) as made,
    ):
        peer.answers_with([Hang()])
        thread = threading.Thread(target=lambda: replies.append(made.perform(request(peer.port, "https"))))
        thread.start()
        eventually(lambda: bool(peer.metadata), 10, "the call is there")
        shutil.copy(Authority(stranger).file, trusted)
        failed(made.perform(request(peer.port, "https")), "tls", "unknown CA", sent=False)
        peer.release()
        thread.join(10)
        assert replies == [OK]
        shutil.copy(authority.file, trusted)
        assert made.perform(request(peer.port, "https")) == OK


@pytest.mark.parametrize(
    "tls", [TlsSettings(verify=False), TlsSettings(fingerprint="ab" * 32), TlsSettings(min_version="1.3")]
)
def test_what_grpc_cannot_do_is_a_failure_and_never_left_out(authority: Authority, tls: TlsSettings) -> None:
    with FakeOtlpGrpc(served(authority.pair("strict", "IP:127.0.0.1"))) as peer:
        failed(ask(peer.port, "https", tls=tls), "tls", "verifies always", sent=False)
        assert not peer.metadata


def test_other_settings_are_understood_by_the_core() -> None:
    with FakeOtlpGrpc() as peer:
        settings: dict[str, Any] = {"keepalive_seconds": 10.0, "keepalive_timeout": 5.0, "keepalive_idle": True}
        assert ask(peer.port, balancer="pick_first", authority="logs.example.com", **settings) == OK
