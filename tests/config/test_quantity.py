"""Durations, sizes and addresses."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.config.quantity import Address, address, octets
from otelsiem.model.duration import seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [("1m30s", 90), ("200ms", 0.2), ("0", 0), (0, 0), ("1.5h", 5400), ("10us", 1e-5), ("10µs", 1e-5), ("5ns", 5e-9),
     ("2d", 172800), (".5s", 0.5), (" 1s ", 1), ("0s", 0)],
)  # fmt: skip
def test_durations(text: object, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "s", "1", "-1s", "1s1", "1 s", "1x", "1e3s", None, True, 5, 1.5, [], "1.s.", "∞"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(text)


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_of_a_duration_add_up(h: int, m: int, s: int, ms: int) -> None:
    assert seconds(f"{h}h{m}m{s}s{ms}ms") == pytest.approx(h * 3600 + m * 60 + s + ms / 1000)


@settings(deadline=None)
@given(st.text(alphabet="0123456789.hmsdnuµ -+", max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):  # the only error there may be
        assert seconds(text) >= 0


@pytest.mark.parametrize(
    ("text", "value"),
    [(5, 5), ("5", 5), ("20MiB", 20 << 20), ("20 MiB", 20 << 20), ("1kb", 1000), ("1.5KiB", 1536), ("2GiB", 2 << 30)],
)
def test_sizes(text: object, value: int) -> None:
    assert octets(text) == value


@pytest.mark.parametrize("text", ["", "-1", "MiB", "1 parsec", None, True, 1.5, "1MiBB", "0x10"])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        octets(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("localhost:4317", "localhost", 4317), (":80", "", 80), ("[::1]:1", "::1", 1), ("0.0.0.0:0", "0.0.0.0", 0),
     ("[fe80::1%eth0]:1", "fe80::1%eth0", 1)],
)  # fmt: skip
def test_addresses(text: str, host: str, port: int) -> None:
    assert address(text) == Address(host, port)
    assert str(address(text)) == text


@pytest.mark.parametrize(
    "text", ["", "x", "x:", "x:y", "x:65536", "::1:80", "[x]:80", "a b:80", "x:80/y", "http://x:80", 7]
)
def test_what_is_no_address_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"expected host:port|port|IPv6|host name"):
        address(text)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [("localhost:1", "127.0.0.1:1", True), ("0.0.0.0:1", "10.0.0.1:1", True), (":1", "localhost:1", True),
     ("[::]:1", "127.0.0.1:1", True), ("[::1]:1", "127.0.0.1:1", False), ("0.0.0.0:1", "[::1]:1", False),
     ("a:1", "b:1", False), ("a:1", "A:1", True), ("a:1", "a:2", False), (":0", ":0", False)],
)  # fmt: skip
def test_what_cannot_listen_at_once(one: str, other: str, clash: bool) -> None:
    assert address(one).clashes(address(other)) is clash
    assert address(other).clashes(address(one)) is clash


def test_a_client_reaches_what_listens_everywhere() -> None:
    assert str(address("0.0.0.0:5").reachable) == "127.0.0.1:5"
    assert str(address("[::]:5").reachable) == "[::1]:5"
    assert str(address("example.com:5").reachable) == "example.com:5"
