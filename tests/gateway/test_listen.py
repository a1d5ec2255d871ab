"""Addresses and sockets of our own."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from otelsiem.gateway.receivers import listen
from otelsiem.gateway.receivers.listen import Address, ListenError, WebServer, bind, resolve


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4317", Address("127.0.0.1", 4317)),
        (":4318", Address("0.0.0.0", 4318)),
        ("[::1]:0", Address("::1", 0)),
        ("localhost:8000", Address("localhost", 8000)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", "4317", "host", "host:", "host:x", "host:65536", "::1:4317", "host:-1", "h:٣"])
def test_what_is_no_address_says_so(text: str) -> None:
    with pytest.raises(ListenError, match="is not an address"):
        Address.parse(text)


async def test_localhost_is_one_socket_on_ipv4() -> None:
    assert await resolve(Address("localhost", 1)) == Address("127.0.0.1", 1)


async def test_an_unknown_host_says_so() -> None:
    with pytest.raises(ListenError, match="not known"):
        await resolve(Address("no-such-host.invalid", 4317))


def test_an_address_of_another_machine_says_so() -> None:
    with pytest.raises(ListenError, match=r"no interface of this machine has the address 192\.0\.2\.1"):
        bind(Address("192.0.2.1", 0))


def test_a_taken_port_says_so() -> None:
    with bind(Address("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ListenError, match=f"port {port} is in use by another process"):
            bind(Address("127.0.0.1", port))


async def quiet(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "HEADER_SECONDS", 0.1)
    server = WebServer(quiet, "127.0.0.1:0")
    reader, writer = await asyncio.open_connection(*await server.start())
    writer.write(b"POST / HTTP/1.1\r\nhost:")  # and never goes on
    assert await closed(reader)
    writer.close()
    await server.stop(1)


async def test_a_connection_that_spoke_in_time_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "HEADER_SECONDS", 0.1)
    server = WebServer(quiet, "127.0.0.1:0")
    reader, writer = await asyncio.open_connection(*await server.start())
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.2)  # longer than a silent connection would live
    writer.close()
    await server.stop(1)


async def test_after_stop_the_port_is_free_and_nothing_is_open() -> None:
    server = WebServer(quiet, "127.0.0.1:0")
    address = await server.start()
    reader, writer = await asyncio.open_connection(*address)
    await server.stop(1)
    assert await reader.read() == b""
    bind(address).close()
    await server.stop(1)  # a second stop does nothing
    writer.close()


async def test_signals_stay_the_hosts() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = WebServer(quiet, "127.0.0.1:0")
    await server.start()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    await server.stop(1)


async def test_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = WebServer(quiet, "[::1]:0")
    try:
        address = await server.start()
    except ListenError as error:
        pytest.skip(str(error))
    assert str(address).startswith("[::1]:")
    _, writer = await asyncio.open_connection(*address)
    writer.close()
    await server.stop(1)
