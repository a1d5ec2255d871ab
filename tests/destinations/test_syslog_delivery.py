"""Real couriers, a real journal and real sockets against a receiver with the manners of rsyslog and syslog-ng.

Whatever it does, no record is lost: what is settled as delivered has been read there.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from otelsiem.destinations.syslog import Syslog
from otelsiem.journal.journal import Append
from otelsiem.model.record import Group, Record, Scope
from otelsiem.testing.syslog import Act, HalfClose, Hello, Reset, Serve, SyslogServer
from otelsiem.testing.syslog_stream import Lines, Receiver, Rsyslog, SyslogNg
from tests.house import House
from tests.transport.authority import Authority, Pair

BRISKLY = {"after": "300ms", "timeout": "20s"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("syslog-ca"))


@pytest.fixture(scope="module")
def me(authority: Authority) -> Pair:
    return authority.pair("me", "DNS:sender.example")


@pytest.fixture(params=["tcp", "tls"])
def carried(request: pytest.FixtureRequest, authority: Authority) -> Callable[..., tuple[SyslogServer, dict[str, Any]]]:
    """A receiver over plain TCP, or over TLS, and the settings that lead there."""

    def make(receiver: Callable[[], Receiver] = Rsyslog, *acts: Act) -> tuple[SyslogServer, dict[str, Any]]:
        if request.param == "tcp":
            return SyslogServer(receiver, acts=acts), {"tls": {"insecure": True}}
        context = authority.certificate("server", "IP:127.0.0.1")
        return SyslogServer(receiver, acts=acts, tls=context), {"tls": {"ca_file": str(authority.file)}}

    return make


def syslog(server: SyslogServer, **settings: object) -> Syslog:
    return Syslog.model_validate({"endpoint": "127.0.0.1", "port": server.port, "confirm": BRISKLY, **settings})


@contextmanager
def house(directory: Path, destination: Syslog, couriers: int = 1) -> Iterator[House]:
    built = House(directory, cast("Any", destination), couriers)
    built.open()
    try:
        yield built
    finally:
        built.close()


def arrived(server: SyslogServer, names: list[str]) -> None:
    """All of them, each at least once, and nothing that a strict receiver refuses."""
    assert not server.refused
    assert set(server.ids()) == set(names)


def test_p2_every_record_arrives_once(
    tmp_path: Path, carried: Callable[..., tuple[SyslogServer, dict[str, Any]]]
) -> None:
    server, how = carried(SyslogNg)
    with server, house(tmp_path, syslog(server, **how), couriers=3) as h:
        names = [name for _ in range(5) for name in h.send(40)]
        h.delivered()
        assert sorted(server.ids(), key=int) == names
        arrived(server, names)
        assert not server.closed
        assert server.connections <= 3


@pytest.mark.parametrize(
    "acts",
    [
        (Reset(), Reset(), Reset(), Serve()),
        (Reset(3), Reset(30), Serve(5), Serve()),
        (HalfClose(), HalfClose(), Serve()),
        (Serve(1), Serve(1), Serve(1), Serve()),
    ],
    ids=["accepts and resets", "ends in the middle", "half closes", "ends after one"],
)
def test_p2_a_receiver_that_ends_connections_gets_everything(
    tmp_path: Path, carried: Callable[..., tuple[SyslogServer, dict[str, Any]]], acts: tuple[Act, ...]
) -> None:
    server, how = carried(Rsyslog, *acts)
    with server, house(tmp_path, syslog(server, **how)) as h:
        names = [name for _ in range(4) for name in h.send(20)]
        counts = h.delivered()
        assert counts.delivered == len(names)
        arrived(server, names)
        assert server.connections >= len(acts)


def test_p2_what_was_on_a_proven_connection_when_it_broke_goes_again(
    tmp_path: Path, carried: Callable[..., tuple[SyslogServer, dict[str, Any]]]
) -> None:
    """The write succeeds, the kernel acknowledges, the process is gone: only living on tells."""
    server, how = carried(Rsyslog, Reset(25), Serve())
    with server, house(tmp_path, syslog(server, **how)) as h:
        names = h.send(5)
        h.delivered()  # the connection is proven
        names += h.send(50)
        h.delivered()
        arrived(server, names)
        assert server.connections == 2
        assert h.shown("siem_retry_attempts_total") > 0


def test_p2_a_receiver_that_is_away_gets_everything_when_it_is_back(
    tmp_path: Path, carried: Callable[..., tuple[SyslogServer, dict[str, Any]]]
) -> None:
    server, how = carried(SyslogNg)
    with server, house(tmp_path, syslog(server, **how), couriers=2) as h:
        names = h.send(10)
        h.delivered()
        server.down()
        names += h.send(30)
        h.until(lambda _: h.shown("siem_retry_attempts_total") >= 3)
        server.up()
        h.delivered()
        arrived(server, names)


def test_p4_a_message_that_the_receiver_cannot_take_harms_no_other(tmp_path: Path) -> None:
    """syslog-ng closes, and loses what came behind it; the guilty one is found by halving and stays pending."""
    with SyslogServer(lambda: SyslogNg(max_message=1500)) as server:
        how = {"tls": {"insecure": True}, "confirm": {"after": "60ms", "timeout": "20s"}}
        with house(tmp_path, syslog(server, **how), couriers=2) as h:
            records = [Record(id=str(n), time=1, body="x" * (3000 if n == 9 else 10)) for n in range(24)]
            h.journal.append([Append("logs", [Group({}, Scope(), records)])], lambda _: None)
            h.until(lambda counts: counts.delivered == 23)
            h.sent = 24

            def proven(_: object) -> bool:
                """Only the success of others, after it failed three times, proves that it is this one."""
                if h.counts().pending <= 1:
                    h.send(1)
                return h.counts().due == 1

            h.until(proven)
            counts = h.until(lambda counts: counts.pending == 1)
            assert counts.dead == 0
            assert counts.delivered == h.sent - 1
            assert set(server.ids()) == {str(n) for n in range(h.sent)} - {"9"}
            assert "Incoming frame larger than log_msg_size()" in server.closed


def test_rsyslog_gets_no_message_that_it_would_split(tmp_path: Path) -> None:
    with SyslogServer(lambda: Rsyslog(max_message=8192)) as server:
        with house(tmp_path, syslog(server, tls={"insecure": True})) as h:
            records = [Record(id=str(n), time=1, body="né\n" * size) for n, size in enumerate((1, 3000, 300_000, 1))]
            h.journal.append([Append("logs", [Group({}, Scope(), records)])], lambda _: None)
            h.until(lambda counts: counts.delivered == 4)
        assert not server.refused
        assert server.ids() == ["0", "1", "2", "3"]
        cut = [message.data["audit@32473"].get("truncated") for message in server.messages]
        assert cut == [None, "message", "message", None]


def test_qradar_gets_lines_that_it_does_not_cut(tmp_path: Path) -> None:
    from otelsiem.testing.syslog_message import Message, read_old

    def leef(line: bytes) -> Message:
        message = read_old(line, tagged=False)
        assert message.text.startswith("LEEF:2.0|")
        return message

    with SyslogServer(lambda: Lines(4096), reader=leef) as server:
        with house(tmp_path, syslog(server, preset="qradar", tls={"insecure": True})) as h:
            records = [Record(id=str(n), time=1, event="e", body="x" * size) for n, size in enumerate((1, 9000, 2))]
            h.journal.append([Append("logs", [Group({}, Scope(), records)])], lambda _: None)
            h.until(lambda counts: counts.delivered == 3)
        assert not server.refused
        assert len(server.messages) == 3


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_p3_a_receiver_that_wants_another_certificate_holds_and_loses_nothing(
    tmp_path: Path, authority: Authority, me: Pair, version: str
) -> None:
    """In TLS 1.3 its refusal comes after our first write, which succeeds."""
    context = authority.certificate("mutual", "IP:127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    trusted = {"ca_file": str(authority.file)}
    with SyslogServer(SyslogNg, tls=context) as server, house(tmp_path, syslog(server, tls=trusted)) as h:
        names = h.send(20)
        h.until(lambda _: bool(h.exporter.holds()))
        [reason] = h.exporter.holds().values()
        assert "certificate" in reason
        assert "cert_file" in reason or version == "1.2"
        assert h.counts().delivered == 0
        assert not server.messages
        h.destination = cast("Any", syslog(server, tls={**trusted, "cert_file": me.cert, "key_file": me.key}))
        h.again()
        h.delivered()
        arrived(server, names)


def test_p3_plain_tcp_to_a_port_for_tls_costs_nothing(tmp_path: Path, authority: Authority) -> None:
    """OpenSSL says nothing to somebody who does not speak TLS: it hangs up."""
    context = authority.certificate("port", "IP:127.0.0.1")
    with SyslogServer(SyslogNg, tls=context) as server:
        with house(tmp_path, syslog(server, tls={"insecure": True})) as h:
            names = h.send(3)
            h.until(lambda _: bool(h.exporter.troubles()))
            [reason] = h.exporter.troubles().values()
            assert "TLS or plain port" in reason
            assert h.counts().pending == 3
            h.destination = cast("Any", syslog(server, tls={"ca_file": str(authority.file)}))
            h.again()
            h.delivered()
        arrived(server, names)


def test_p3_tls_to_a_plain_port_holds(tmp_path: Path, authority: Authority) -> None:
    tls = {"ca_file": str(authority.file)}
    with SyslogServer(acts=(Hello(),)) as server, house(tmp_path, syslog(server, tls=tls)) as h:
        h.send(3)
        h.until(lambda _: bool(h.exporter.holds()))
        [reason] = h.exporter.holds().values()
        assert "does not speak TLS on this port" in reason
        assert "insecure: true" in reason
        assert h.counts().pending == 3


def test_p3_another_service_holds(tmp_path: Path) -> None:
    with SyslogServer(acts=(Hello(),)) as server, house(tmp_path, syslog(server, tls={"insecure": True})) as h:
        h.send(3)
        h.until(lambda _: bool(h.exporter.holds()))
        [reason] = h.exporter.holds().values()
        assert "is it another service?" in reason
        assert h.counts().pending == 3


def test_p2_datagrams_go_when_somebody_listens(tmp_path: Path) -> None:
    with SyslogServer(udp=True) as server:
        server.down()
        with house(tmp_path, syslog(server, network="udp")) as h:
            names = h.send(30)
            h.until(lambda _: h.shown("siem_retry_attempts_total") >= 2)
            assert h.counts().delivered == 0
            server.up()
            h.delivered()
            server.wait_for(lambda: len(set(server.ids())) == 30, "all are there")
        arrived(server, names)


def test_p2_a_stop_lets_the_receiver_read_what_was_written(
    tmp_path: Path, carried: Callable[..., tuple[SyslogServer, dict[str, Any]]]
) -> None:
    server, how = carried(SyslogNg)
    with server:
        with house(tmp_path, syslog(server, **how)) as h:
            h.send(5)
            h.delivered()
            names = h.send(500)
            server.wait_for(lambda: len(server.messages) > 5, "the connection is in use")
        server.wait_for(lambda: len(server.messages) >= 505, "what was written is read")
        assert set(names) <= set(server.ids())
        assert not server.refused
        with house(tmp_path, syslog(server, **how)) as h:  # what was not confirmed goes again
            h.sent = 505
            h.delivered()
            assert len(h.settled()) == 505
        assert set(server.ids()) == {str(n) for n in range(505)}
