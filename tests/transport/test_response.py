"""Our reading of responses beside h11's, an independent one: the same answers, and refusals where ours is stricter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.transport.call import WireError
from otelsiem.transport.response import Response
from tests.examples import some

LIMIT = 100_000


class Read(NamedTuple):
    """One answer, as a reader understood it."""

    status: int
    headers: dict[str, str]
    body: bytes
    keeps: bool


def source(pieces: Sequence[bytes]) -> Callable[[], bytes]:
    """The pieces one after the other, then the end of the connection."""
    left: Iterator[bytes] = iter([piece for piece in pieces if piece])
    return lambda: next(left, b"")


def ours(pieces: Sequence[bytes], method: str = "POST", limit: int = LIMIT) -> Read | str:
    """What we read, or the kind of the refusal."""
    read = source(pieces)
    response = Response(read, "peer", limit)
    try:
        head = response.head(bodiless=method == "HEAD")
        body = response.body(head)
    except WireError as error:
        return error.kind if re.fullmatch(r"peer: [ -~]+", error.detail) else error.detail
    # What comes behind the answer is seen by the reader, or by `Connection.has_ended` when it was still on its way.
    return Read(head.status, without_framing(head.headers), body, head.keeps and response.over and not read())


def theirs(data: bytes, method: str) -> Read | str:
    """What h11 reads, or the kind that its refusal would have here."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    head: h11.Response | None = None
    body, ended = b"", False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            cut = "closed connection" in str(error) or "incomplete" in str(error)
            return "reset" if cut else "protocol"
        match event:
            case h11.NEED_DATA:
                assert not ended
                connection.receive_data(b"")
                ended = True
            case h11.InformationalResponse() if event.status_code == 101:
                return "protocol"  # to h11 this is the program's affair
            case h11.Response():
                head = event
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage():
                break
            case h11.ConnectionClosed():
                return "reset"
    assert head is not None
    keeps = connection.their_state is h11.DONE and not connection.trailing_data[0] and not ended
    headers: dict[str, str] = {}
    for name, value in ((n.decode(), v.decode("latin-1")) for n, v in head.headers):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Read(head.status_code, without_framing(headers), body, keeps)


def without_framing(headers: Mapping[str, str]) -> dict[str, str]:
    """h11 rewrites these two ("5, 5" to "5"); whether they were understood is seen by the body."""
    return {name: value for name, value in headers.items() if name not in {"content-length", "transfer-encoding"}}


def stricter(data: bytes) -> bool:
    """Whether ours refuses on purpose what h11 reads: see head.py and response.py."""
    lower = data.lower()
    return bool(
        data.count(b"\n") != data.count(b"\r\n")  # a bare LF
        or data.count(b"\r") != data.count(b"\r\n")
        or re.search(rb"\r\n[ \t]", data)  # a folded line
        or b"\0" in data
        or (b"transfer-encoding" in lower and b"content-length" in lower)
        or not re.match(rb"HTTP/1\.", data)
        or re.search(rb"\r\nHTTP/[^1]", data)  # after an interim head
        or re.search(rb"\r\n[0-9a-f]{17,20}", lower)  # a chunk of more than 2^64 bytes
        or re.search(rb"[0-9]{19,}", data)
    )


# --- responses, most of them nearly right

_TOKENS = st.text("abcxyzABC-_!09", min_size=1, max_size=8).map(str.encode)
_VALUES = st.text('ab z,;="\t09\u00e9\x01', max_size=12).map(lambda text: text.encode("latin-1"))
_CONNECTIONS = st.sampled_from([b"close", b"Keep-Alive", b"x, CLOSE", b"closed", b""])


_ODD = [b"Content-Length:" + said for said in (b" +5", b"5, 6", b"", b"0x5", b"5", b" 05", b"-1")]
_ODD += [b"Transfer-Encoding: " + said for said in (b"gzip", b"chunked, chunked", b"chunked", b"identity")]
_ODD += [b"Content-Length : 5"]


@st.composite
def heads(draw: st.DrawFn, framing: list[bytes]) -> bytes:
    version = draw(st.sampled_from([b"1.1"] * 8 + [b"1.0", b"1.2", b"2.0", b"11"]))
    status = draw(st.sampled_from([200] * 8 + [201, 204, 302, 304, 400, 503, 599, 700, 99]))
    reason = draw(st.sampled_from([b" OK", b" ", b"", b" Not \xe9 at all", b"  x"]))
    lines = framing + draw(st.lists(st.tuples(_TOKENS, _VALUES).map(lambda x: x[0] + b": " + x[1]), max_size=4))
    if draw(st.booleans()):
        lines.append(b"Connection:" + draw(_CONNECTIONS))
    return b"\r\n".join([b"HTTP/%b %d%b" % (version, status, reason), *draw(st.permutations(lines)), b"", b""])


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    data, at = b"", 0
    while at < len(body):
        size = draw(st.integers(1, len(body) - at))
        said = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"%x;a=b", b"%x ", b'%x;a="1;2"'])) % size
        data, at = data + said + b"\r\n" + body[at : at + size] + b"\r\n", at + size
    trailers = draw(st.sampled_from([b"", b"", b"X-Sum: 1\r\n", b"A: b\r\nC: d\r\n", b"bad\r\n"]))
    return data + draw(st.sampled_from([b"0", b"000", b"0;x"])) + b"\r\n" + trailers + b"\r\n"


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    body = draw(st.binary(max_size=40))
    length = b"%d" % len(body)
    kind = draw(st.sampled_from(["length", "chunked", "close", "odd"]))
    framing, data = [], body
    if kind == "length":
        said = draw(st.sampled_from([length, length + b", " + length, b" " + length + b"\t"]))
        framing = [b"Content-Length:" + said] * draw(st.sampled_from([1, 1, 2]))
    elif kind == "chunked":
        framing, data = [b"Transfer-Encoding: " + draw(st.sampled_from([b"chunked", b"Chunked"]))], draw(chunked(body))
    elif kind == "odd":
        framing = draw(st.lists(st.sampled_from(_ODD), min_size=1, max_size=2))
    interim = draw(
        st.sampled_from([b""] * 6 + [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 x\r\nLink: y\r\n\r\n" * 2])
    )
    rest = draw(st.sampled_from([b""] * 4 + [b"x", b"HTTP/1.1 200 OK\r\n\r\n"]))
    return interim + draw(heads(framing)) + data + rest


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A response, with a few bytes changed, or cut off."""
    data = bytearray(draw(responses()))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at = draw(st.integers(0, len(data)))
        new = draw(
            st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b",", b";", b"\0", b"0", b"a", b"\xff"])
        )
        data[at : at + draw(st.integers(0, 2))] = new
    return bytes(data[: draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))])


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@settings(deadline=None, max_examples=some(600))
@given(st.data(), damaged(), st.sampled_from(["POST", "HEAD"]))
def test_what_h11_reads_we_read_the_same_and_what_it_refuses_we_refuse(
    draws: st.DataObject, data: bytes, method: str
) -> None:
    expected = theirs(data, method)
    found = ours(draws.draw(pieces(data)), method)
    if stricter(data):
        assert found == expected or isinstance(found, str)
    elif isinstance(expected, Read):
        assert found == expected
    else:
        assert isinstance(found, str), found


@settings(deadline=None, max_examples=some(300))
@given(damaged(), st.sampled_from(["POST", "HEAD"]))
def test_how_the_bytes_are_cut_changes_nothing(data: bytes, method: str) -> None:
    whole = ours([data], method)
    assert ours([data[n : n + 1] for n in range(len(data))], method) == whole
    for at in range(len(data)):
        assert ours([data[:at], data[at:]], method) == whole


# --- what is refused, and why

SMUGGLED = b"HTTP/1.1 200 OK\r\n%b\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SMUGGLED % b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "both a Content-Length and a"),
        (SMUGGLED % b"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length is not one number"),
        (SMUGGLED % b"Content-Length: 5, 6\r\n", "Content-Length is not one number"),
        (SMUGGLED % b"Content-Length: +5\r\n", "Content-Length is not one number"),
        (SMUGGLED % "Content-Length: \u00b2\r\n".encode("latin-1"), "Content-Length is not one number"),
        (SMUGGLED % b"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding is not chunked"),
        (SMUGGLED % b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "is not chunked"),
        (SMUGGLED % b"Transfer-Encoding : chunked\r\n", "folded, or its name is none"),
        (SMUGGLED % b"X: a\r\n b\r\n", "folded, or its name is none"),
        (SMUGGLED % b"X: a\0b\r\n", "a NUL"),
        (SMUGGLED % b"X: a\nY: b\r\n", "bare LF"),
        (SMUGGLED % b"X: a\rY: b\r\n", "bare CR"),
        (SMUGGLED % b"no colon\r\n", "its name is none"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "bare LF"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "switches protocols"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1  200 OK\r\n\r\n", "status line"),
        (b"SSH-2.0-OpenSSH\r\n", "HTTP/"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 11_000, "longer than 64 KiB"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 66_000 + b"\r\n\r\n", "longer than 64 KiB"),
    ],
)  # fmt: skip
def test_a_head_that_two_could_read_differently_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(WireError, match=re.escape(words)) as caught:
        Response(source([data]), "peer", LIMIT).head(bodiless=False)
    assert caught.value.kind == "protocol"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"g\r\n", "protocol"),
        (b"-5\r\nhello\r\n", "protocol"),
        (b"0x5\r\nhello\r\n", "protocol"),
        (b"+5\r\nhello\r\n", "protocol"),
        (b" 5\r\nhello\r\n", "protocol"),
        (b"5_0\r\nhello\r\n", "protocol"),
        (b"\r\nhello\r\n", "protocol"),
        (b"5\nhello\r\n0\r\n\r\n", "protocol"),
        (b"5;x\0\r\nhello\r\n", "protocol"),
        (b"5\r\nhelloX\r\n0\r\n\r\n", "protocol"),
        (b"5\r\nhello\n0\r\n\r\n", "protocol"),
        (b"5\r\nhelloXX0\r\n\r\n", "protocol"),
        (b"1" * 17 + b"\r\n", "protocol"),
        (b"f" * 16 + b"\r\n", "oversize"),
        (b"5;" + b"x" * 5000 + b"\r\nhello\r\n", "protocol"),
        (b"0\r\nbad trailer\r\n\r\n", "protocol"),
        (b"0\r\n" + b"x: y\r\n" * 11_000 + b"\r\n", "protocol"),
        (b"5\r\nhel", "reset"),
        (b"5\r\nhello\r\n0\r\n", "reset"),
        (b"", "reset"),
    ],
)  # fmt: skip
def test_a_chunk_that_is_none_is_refused(body: bytes, kind: str) -> None:
    assert ours([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body]) == kind


@pytest.mark.parametrize(
    "framed",
    [
        b"Content-Length: 12\r\n\r\nhello, world",
        b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello,\r\n6\r\n world\r\n0\r\n\r\n",
        b"\r\nhello, world",
    ],
    ids=["length", "chunks", "until the end"],
)
def test_a_body_over_the_limit_is_oversize_however_it_is_framed(framed: bytes) -> None:
    data = b"HTTP/1.1 200 OK\r\n" + framed
    read = ours([data], limit=12)
    assert isinstance(read, Read)
    assert read.body == b"hello, world"
    assert ours([data], limit=11) == "oversize"
    assert ours([data[n : n + 1] for n in range(len(data))], limit=11) == "oversize"


def test_a_length_over_the_limit_is_known_before_the_body_came() -> None:
    assert ours([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n"]) == "oversize"


def test_every_set_cookie_line_is_kept_apart() -> None:
    data = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\nset-cookie: b=2\r\n\r\n"
    head = Response(source([data]), "peer", LIMIT).head(bodiless=False)
    assert head.cookies == ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"]
