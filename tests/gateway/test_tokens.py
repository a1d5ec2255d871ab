"""Who may send: tokens on real sockets, refusals before the body, what is logged, counted and written down."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from otelsiem.door import Sender
from otelsiem.gateway.locks import Lock, Metadata, Token, Tokens
from otelsiem.gateway.receivers import guard as module
from otelsiem.gateway.receivers.grpc import EXPORT
from otelsiem.gateway.receivers.guard import Guard, Visitor
from otelsiem.gateway.receivers.keyring import Keyring, check
from otelsiem.gateway.receivers.refusal import Refusal
from otelsiem.gateway.receivers.watched import UnusableError
from tests.gateway.locked import BILLING, WEB, Locked, emit, exporter, tokens
from tests.gateway.requests import protobuf
from tests.gateway.test_grpc_receiver import retry_info

BOTH = pytest.mark.parametrize("by", ["grpc", "http"])
SENDER = Sender("otlp", "http")


@pytest.fixture(autouse=True)
def quiet_exporters() -> Iterator[None]:
    logger = logging.getLogger("opentelemetry")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@BOTH
async def test_the_name_of_the_token_says_who_sends(by: str) -> None:
    async with Locked(Lock(tokens=tokens(tenant="acme"))) as gate:
        await gate.sent(by, "one", token=BILLING)
        await gate.sent(by, "two", token=WEB)
        assert gate.door.senders == [Sender("otlp", by, "billing", "acme"), Sender("otlp", by, "web")]


@BOTH
@pytest.mark.parametrize("token", ["", "wrong-0123456789abcdef", BILLING[:-1], BILLING + "x", BILLING.upper()])
async def test_no_token_and_a_wrong_one_are_refused_once(by: str, token: str) -> None:
    async with Locked(Lock(tokens=tokens())) as gate:
        await gate.sent(by, "hello", token=token)
        assert gate.door.bodies == []
        assert gate.refused(by, "unauthenticated") == 1, "an exporter that heard it does not try again"


async def test_over_http_the_answer_comes_before_the_body() -> None:
    async with Locked(Lock(tokens=tokens())) as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.at["http"].port)
        writer.write(
            b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n"
            b"Expect: 100-continue\r\nAuthorization: Bearer " + WEB[:-1].encode() + b"\r\n\r\n"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert head.startswith(b"HTTP/1.1 401 ")
        assert b"www-authenticate: Bearer\r\n" in head
        assert b"retry-after" not in head
        writer.close()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_the_scheme_is_read_without_regard_to_case(scheme: str) -> None:
    assert Keyring(tokens()).holder(f" {scheme} {WEB} ".encode()) is not None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", WEB, f"Basic {WEB}", f"Bearer {WEB}, Bearer {WEB}", "é"])
def test_what_is_no_token_opens_nothing(header: str) -> None:
    assert Keyring(tokens()).holder(header.encode()) is None


def test_another_scheme_and_none() -> None:
    several = tokens().tokens
    assert Keyring(Tokens("x", several, "Splunk")).holder(f"splunk {WEB}".encode()) is not None
    assert Keyring(Tokens("x", several, "")).holder(WEB.encode()) is not None
    assert Keyring(Tokens("x", several, "")).holder(f"Bearer {WEB}".encode()) is None


async def test_over_grpc_a_stranger_is_refused_without_retry_info_and_unread() -> None:
    async with Locked(Lock(tokens=tokens())) as gate:

        async def parts() -> Any:
            """A message that never ends: whoever waits for it waits for ever."""
            yield protobuf()
            await asyncio.Event().wait()

        async with grpc.aio.insecure_channel(str(gate.at["grpc"])) as channel:
            made: Any = channel  # the stubs want serializers
            call = made.stream_unary(EXPORT)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(parts(), timeout=20)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert retry_info(caught.value) is None


async def test_health_needs_no_token() -> None:
    async with Locked(Lock(tokens=tokens())) as gate, grpc.aio.insecure_channel(str(gate.at["grpc"])) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status


@BOTH
async def test_what_the_log_says_of_strangers(by: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Locked(Lock(tokens=tokens())) as gate:
        for secret in ("wrong-0123456789abcdef", "wronger-0123456789abcdef"):
            await gate.sent(by, "hello", token=secret)
        assert gate.refused(by, "unauthenticated") == 2
    [told] = [record for record in caplog.records if record.name.startswith("otelsiem")]
    assert told.levelno == logging.WARNING
    assert vars(told)["otelsiem_fields"] == {"receiver": "otlp", "transport": by, "peer": "127.0.0.1"}
    assert "wrong" not in caplog.text


def test_strangers_are_told_of_once_a_minute_and_not_without_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_STRANGERS", 3)
    now = [0.0]
    guard = Guard(SENDER, Lock(tokens=tokens()), clock=lambda: now[0])
    refusal = guard.admit(b"")
    assert isinstance(refusal, Refusal)

    def told(peer: str) -> int:
        caplog.clear()
        guard.turned_away(refusal, peer)
        return len(caplog.records)

    assert [told("a"), told("a"), told("b"), told("c"), told("d"), told("d")] == [1, 0, 1, 1, 0, 0]
    now[0] = 59.9
    assert told("a") == 0
    now[0] = 60.0
    assert [told("a"), told("a"), told("d")] == [1, 0, 1]


def test_a_file_of_tokens_is_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{WEB}\n\n{BILLING}\n")
    ring = Keyring(Tokens("auth", (Token("apps", filename=file),)))

    def known(token: str) -> bool:
        holder = ring.holder(f"Bearer {token}".encode())
        return holder is not None and holder.name == "apps"

    def replace(text: str) -> None:
        (tmp_path / "fresh").write_text(text)
        os.replace(tmp_path / "fresh", file)

    assert known(WEB)
    assert known(BILLING)
    replace("fresh-0123456789abcdef\n")
    assert known("fresh-0123456789abcdef"), "a token nobody knows makes it look at once"
    assert not known(WEB)
    for broken in ("", "short\n"):
        caplog.clear()
        replace(broken)
        assert known("fresh-0123456789abcdef")
        assert not known("other-0123456789abcdef")
        assert not known("other-0123456789abcdef")
        assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_two_senders_with_one_token_are_found(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"{WEB}\n{WEB}\n")
    mine = Token("mine", filename=tmp_path / "tokens")
    check(Tokens("auth", (mine,)))  # twice in one file harms nobody
    with pytest.raises(UnusableError, match="'mine' and 'web' have the same token"):
        check(Tokens("auth", (mine, Token("web", WEB))))
    with pytest.raises(UnusableError, match="cannot read"):
        check(Tokens("auth", (Token("x", filename=tmp_path / "none"),)))


@BOTH
async def test_what_is_asked_for_is_written_down(by: str) -> None:
    metadata = Metadata(peer=True, headers=("x-request-id", "user-agent", "x-none"))
    async with Locked(Lock(tokens=tokens(), metadata=metadata)) as gate:
        made = exporter(by, gate.at[by], token=BILLING)
        await asyncio.to_thread(emit, made, "hello")
        [sender] = gate.door.senders
    marks = dict(sender.marks)
    agent = marks.pop("otelsiem.peer.header.user-agent")
    assert "OTel" in agent
    assert marks == {"otelsiem.peer.address": "127.0.0.1", "otelsiem.peer.name": "billing"}


def test_long_headers_are_cut_and_nothing_is_written_unasked() -> None:
    visitor = Guard(SENDER).admit(b"Bearer whatever")
    assert isinstance(visitor, Visitor)

    def never(*_: object) -> str:
        raise AssertionError("nobody asked")

    assert Guard(SENDER).sender(visitor, never, never) is SENDER
    guard = Guard(SENDER, Lock(metadata=Metadata(headers=("x-long",))))
    assert guard.sender(visitor, never, lambda _: "x" * 10_000).marks == (
        ("otelsiem.peer.header.x-long", "x" * module.LONGEST),
    )


def test_no_repr_shows_a_token() -> None:
    lock = Lock(tokens=tokens())
    ring = Keyring(tokens())
    for shown in (lock, ring, Guard(SENDER, lock), ring.holder(f"Bearer {WEB}".encode())):
        assert BILLING not in repr(shown)
        assert WEB not in repr(shown)
    assert lock == Lock(tokens=tokens()), "so that a reload sees that nothing changed"
    assert str(lock) == " (tokens)"
