"""The fake receivers do what was measured of the real ones: what they refuse, and what they do in silence."""

from __future__ import annotations

import socket

import pytest

from otelsiem.testing.syslog import Serve, SyslogServer
from otelsiem.testing.syslog_message import MalformedMessageError, read, read_old
from otelsiem.testing.syslog_stream import CloseError, Lines, Rsyslog, SyslogNg

HEAD = b"<110>1 2026-01-01T00:00:00.123456Z host app - login "


def counted(*messages: bytes) -> bytes:
    return b"".join([b"%d %b" % (len(message), message) for message in messages])


@pytest.mark.parametrize(
    "message",
    [
        b"<192>1 2026-01-01T00:00:00Z h a - - -",  # PRI above 191
        b"<013>1 2026-01-01T00:00:00Z h a - - -",  # padded
        b"<13>2 2026-01-01T00:00:00Z h a - - -",
        b"<13>1 2026-01-01T00:00:00.1234567Z h a - - -",  # more than six digits
        b"<13>1 2026-01-01t00:00:00z h a - - -",  # lower case
        b"<13>1 2026-01-01T00:00:60Z h a - - -",  # a leap second
        b"<13>1 2026-01-01T00:00:00Z " + b"h" * 256 + b" a - - -",
        b"<13>1 2026-01-01T00:00:00Z h " + b"a" * 49 + b" - - -",
        b"<13>1 2026-01-01T00:00:00Z h a " + b"p" * 129 + b" - -",
        b"<13>1 2026-01-01T00:00:00Z h a - " + b"m" * 33 + b" -",
        "<13>1 2026-01-01T00:00:00Z hé a - - -".encode(),
        b"<13>1 2026-01-01T00:00:00Z h a - -",  # no structured data
        HEAD + b'[a@1 b="c"d"]',
        HEAD + b'[a@1 b="c]d"]',
        HEAD + b'[a@1 b="c\\d"]',
        HEAD + b'[a@1 b="c',
        HEAD + b"[a@1 " + b"n" * 33 + b'="x"]',
        HEAD + b'[a@1 b="1" b="2"]',
        HEAD + b'[a@1 b="1" B="2"]',
        HEAD + b'[a@1 b="1"][a@1 c="2"]',
        HEAD + b'[a b="1"]',  # no number and not registered
        HEAD + b'[a@1 b="1"]no blank',
        b"\xef\xbb\xbf" + HEAD + b"- text",
        HEAD + b"- a\xef\xbb\xbfb",
        HEAD + b"- \xef\xbb\xbf\xff",
        HEAD + b"- a\nb",
        HEAD + b'[a@1 b="\x1b"]',
    ],
)
def test_a_strict_reader_refuses(message: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        read(message)


def test_a_strict_reader_takes_what_the_rfc_allows() -> None:
    found = read(HEAD + b'[a@1 b="\\"\\\\\\]" c=""][origin ip="x"] \xef\xbb\xbftext ')
    assert found.data == {"a@1": {"b": '"\\]', "c": ""}, "origin": {"ip": "x"}}
    assert (found.facility, found.severity, found.text) == (13, 6, "text ")
    assert read(b"<0>1 - - - - - -").data == {}
    assert read(HEAD + b'[a@1 b="1" b="2"]', duplicates=True).data == {"a@1": {"b": "2"}}


def test_a_strict_reader_of_the_old_form() -> None:
    found = read_old(b"<13>Jan  1 00:00:00 host app[12]: text")
    assert (found.host, found.app, found.process, found.text) == ("host", "app", "12", "text")
    assert read_old(b"<13>Dec 31 23:59:59 host CEF:0|a|", tagged=False).text == "CEF:0|a|"
    for wrong in (b"<13>Jan 1 00:00:00 h a: x", b"<13>jan  1 00:00:00 h a: x", b"<13>Jan  1 00:00:00 h text"):
        with pytest.raises(MalformedMessageError):
            read_old(wrong)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_rsyslog_takes_both_framings_and_splits_what_is_too_long(size: int) -> None:
    stream = counted(b"<1>one") + b"\n" + b"<1>two\n" + counted(b"<1>" + b"x" * 17) + counted(b"<1>end")
    receiver, made = Rsyslog(max_message=10), []
    for n in range(0, len(stream), size):
        made += receiver.feed(stream[n : n + size])
    assert made == [b"<1>one", b"<1>two", b"<1>xxxxxxx", b"x" * 10, b"<1>end"]


def test_rsyslog_falls_back_to_lines_and_swallows_the_next_message() -> None:
    receiver = Rsyslog(max_message=20, max_frame=100)
    stream = counted(b"<1>one", b"<1>" + b"x" * 100, b"<1>next")
    assert receiver.feed(stream) == [b"<1>one"]
    made = receiver.feed(b"\n" + counted(b"<1>after"))
    assert made[-1] == b"<1>after"
    assert b"<1>next" not in made
    assert made[0].startswith(b"103 <1>")


@pytest.mark.parametrize(
    "wrong",
    [b"0010 <1>padded", b"<1>a line\n", b"12345678901 x", counted(b"<1>" + b"x" * 30), b"\n" + counted(b"<1>b")],
)
def test_syslog_ng_closes_and_loses_what_comes_behind(wrong: bytes) -> None:
    receiver = SyslogNg(max_message=20)
    assert receiver.feed(counted(b"<1>one")) == [b"<1>one"]
    with pytest.raises(CloseError) as closed:
        receiver.feed(counted(b"<1>two") + wrong + counted(b"<1>lost"))
    assert closed.value.records == [b"<1>two"]


def test_syslog_ng_loses_a_count_of_characters() -> None:
    message = "<1>né".encode()
    with pytest.raises(CloseError):
        SyslogNg().feed(b"5 " + message + counted(b"<1>x"))


def test_qradar_makes_several_events_of_a_long_line() -> None:
    assert Lines(4).feed(b"123456\nabc") == [b"1234", b"56"]


def test_a_server_keeps_what_is_good_and_tells_what_is_not() -> None:
    with SyslogServer(acts=[Serve(2), Serve()]) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(counted(HEAD + b'[audit@32473 id="1"]', b"nonsense", HEAD + b"- lost"))
            server.wait_for(lambda: server.connections == 1 and not server._open, "it has ended it")
        assert server.ids() == ["1"]
        assert server.refused == [(b"nonsense", "no header of RFC 5424")]
        server.down()
        server.up()
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(counted(HEAD + b'[audit@32473 id="2"]'))
        server.wait_for(lambda: server.ids() == ["1", "2"], "the second is there")
