"""Real syslog receivers read every record of ours, field by field: rsyslog, syslog-ng and the Collector.

Over UDP, TCP in both framings and TLS; a receiver that wants another certificate, or is restarted, costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from otelsiem.destinations.syslog import Syslog
from otelsiem.journal.journal import Append
from otelsiem.model.record import Batch
from otelsiem.testing.syslog_message import Message, elements, read, read_old
from tests.gateway_process import Gateway
from tests.golden.cases import AT, CASES
from tests.house import House
from tests.peers import seen
from tests.peers.artefacts import COLLECTOR, GO_SENDER, RSYSLOG, SYSLOG_NG, Artefact
from tests.peers.collector import Collector
from tests.peers.senders import SENDERS
from tests.peers.syslogd import Receiver, Rsyslog, SyslogNg, Taken
from tests.program import eventually, free_port
from tests.transport.authority import Authority, Pair

pytestmark = pytest.mark.peer

EACH = 1000
SD_ID = "acgs2@12345"
BRISKLY = {"after": "500ms"}
BOTH = pytest.mark.parametrize("kind", [Rsyslog, SyslogNg], ids=["rsyslog", "syslog-ng"])
GO = next(sender for sender in SENDERS if (sender.language, sender.transport) == ("go", "grpc"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def me(authority: Authority) -> Pair:
    return authority.pair("me", "DNS:sender.example")


@contextmanager
def running(kind: type[Receiver], needs: Callable[[Artefact], None], *given: Any, **more: Any) -> Iterator[Receiver]:
    needs(RSYSLOG if kind is Rsyslog else SYSLOG_NG)
    with kind(*given, **more) as receiver:
        yield receiver


def settings(**more: Any) -> dict[str, Any]:
    return {"endpoint": "127.0.0.1", "structured_data_id": SD_ID, "confirm": BRISKLY, **more}


def every_case() -> Batch:
    return [group for batch in CASES.values() for group in batch]


def deliver(directory: Path, destination: Syslog, batch: Batch) -> None:
    """Through journal, courier and socket."""
    house = House(directory, cast("Any", destination))
    house.open()
    try:
        house.journal.append([Append("logs", batch)], lambda _: None)
        house.until(lambda counts: counts.delivered == len(batch))
    finally:
        house.close()


def lines(destination: Syslog, batch: Batch) -> list[bytes]:
    return [line for payload in destination.encode(batch, AT).payloads for line in payload.body.splitlines()]


def folded(data: Any, *, lower: bool) -> dict[str, dict[str, str]]:
    return {name: {key.lower() if lower else key: value for key, value in sorted(params.items())}
            for name, params in data.items()}  # fmt: skip


def same(taken: Taken, sent: Message, kind: type[Receiver]) -> None:
    """What the receiver understood is what a strict reader does; the hostile case has a time of its own."""
    assert (taken.priority, taken.host, taken.app, taken.id or "-") == (sent.priority, sent.host, sent.app, sent.id)
    assert (taken.process or "-") == sent.process
    assert taken.text.strip() == sent.text.strip()
    lower = kind is Rsyslog
    names = {(n.lower() if lower else n): n for n in sent.data}
    data = {names.get(name, name): params for name, params in taken.data.items()}
    assert folded(data, lower=lower) == folded(sent.data, lower=lower)
    if sent.time != "-":
        moment = taken.time.replace("+00:00", "Z")
        assert moment == sent.time


@BOTH
@pytest.mark.parametrize("how", ["udp", "tcp", "tls"])
def test_every_field_is_read(
    kind: type[Receiver], how: str, needs: Callable[[Artefact], None], authority: Authority, tmp_path: Path
) -> None:
    tls = {"ca_file": str(authority.file)} if how == "tls" else {"insecure": True}
    batch = [group for group in every_case() if group.records[0].moment]  # without a time it is when it is sent
    with running(kind, needs, tmp_path / kind.__name__, authority) as receiver:
        more = {"network": "udp"} if how == "udp" else {"tls": tls}
        destination = Syslog.model_validate(settings(port=getattr(receiver, how), **more))
        deliver(tmp_path / "journal", destination, batch)
        taken = receiver.wait(len(batch))
        sent = [read(line) for line in lines(destination, batch)]
        assert len(taken) == len(sent)
        by_id = {one.data[SD_ID]["id"]: one for one in taken}
        for message in sent:
            same(by_id[message.data[SD_ID]["id"]], message, kind)


def test_rsyslog_reads_lines_too(needs: Callable[[Artefact], None], authority: Authority, tmp_path: Path) -> None:
    batch = [group for group in every_case() if group.records[0].moment]
    with running(Rsyslog, needs, tmp_path / "rsyslog", authority) as receiver:
        more = {"port": receiver.tcp, "tls": {"insecure": True}, "framing": "lf"}
        destination = Syslog.model_validate(settings(**more))
        deliver(tmp_path / "journal", destination, batch)
        taken = receiver.wait(len(batch))
        assert len(taken) == len(batch)
        for got, line in zip(taken, lines(destination, batch), strict=True):
            same(got, read(line), Rsyslog)


@pytest.mark.parametrize("form", ["rfc3164", "cef", "leef", "json"])
def test_the_other_formats_arrive_line_by_line(
    form: str, needs: Callable[[Artefact], None], authority: Authority, tmp_path: Path
) -> None:
    """rsyslog keeps the raw message: exactly our bytes; syslog-ng reads the header of RFC 3164."""
    batch = [group for group in every_case() if group.records[0].moment]
    with running(Rsyslog, needs, tmp_path / "rsyslog", authority) as receiver:
        destination = Syslog.model_validate(
            settings(port=receiver.tcp, tls={"insecure": True}, format=form, framing="lf")
        )
        deliver(tmp_path / "journal", destination, batch)
        sent = [line.decode() for line in lines(destination, batch)]
        assert [one.raw for one in receiver.wait(len(batch))] == sent
    if form == "json":
        return
    with running(SyslogNg, needs, tmp_path / "syslog-ng", authority) as receiver:
        destination = destination.model_copy(update={"port": receiver.lines})
        deliver(tmp_path / "journal-2", destination, batch)
        for one, text in zip(receiver.wait(len(batch)), sent, strict=True):
            message = read_old(text.encode(), tagged=form == "rfc3164")
            assert (one.priority, one.host) == (message.priority, message.host)
            assert (one.text if form == "rfc3164" else f"{one.app}: {one.text}"[: len(form) + 2].upper()) == (
                message.text if form == "rfc3164" else f"{form}: ".upper()
            )


@BOTH
def test_p2_a_gateway_delivers_every_record_once_with_a_client_certificate(
    kind: type[Receiver], needs: Callable[[Artefact], None], authority: Authority, me: Pair, tmp_path: Path
) -> None:
    needs(GO_SENDER)
    tls = {"ca_file": str(authority.file), "cert_file": me.cert, "key_file": me.key}
    with running(kind, needs, tmp_path / kind.__name__, authority, mutual=True) as receiver:
        with Gateway(tmp_path / "gateway", {"syslog": settings(port=receiver.tls, tls=tls)}) as gateway:
            GO.send(gateway.grpc, EACH, tmp_path / "sender.log")
            gateway.delivered("syslog", EACH)
            gateway.adds_up("syslog")
            assert gateway.metric("siem_unconfirmed_events", exporter="syslog") == 0
        taken = receiver.wait(EACH)
    ids = Counter(one.data[SD_ID]["id"] for one in taken)
    assert len(ids) == EACH
    assert set(ids.values()) == {1}
    texts = {one.text.strip() for one in taken}
    assert 'n0 Zoë ✓ "quoted"' in texts
    assert {one.data["resource@12345"]["service.namespace"] for one in taken} == {"peers"}


@BOTH
def test_p3_a_client_without_a_certificate_is_held_and_loses_nothing(
    kind: type[Receiver], needs: Callable[[Artefact], None], authority: Authority, me: Pair, tmp_path: Path
) -> None:
    """Both speak TLS 1.3, whose refusal comes after our first write went well."""
    needs(GO_SENDER)
    trusted = {"ca_file": str(authority.file)}
    with running(kind, needs, tmp_path / kind.__name__, authority, mutual=True) as receiver:
        with Gateway(tmp_path / "gateway", {"syslog": settings(port=receiver.tls, tls=trusted)}) as gateway:
            GO.send(gateway.grpc, EACH, tmp_path / "sender.log")
            eventually(lambda: gateway.metric("siem_hold", exporter="syslog") > 0, 30, "the exporter holds")
            assert gateway.metric("siem_events_sent_total", exporter="syslog") == 0
            assert gateway.metric("siem_queue_size", exporter="syslog") == EACH
            log = gateway.log
        assert "cert_file" in log.read_text("utf-8")
        assert not receiver.taken()
        complete = {**trusted, "cert_file": me.cert, "key_file": me.key}
        with Gateway(tmp_path / "gateway", {"syslog": settings(port=receiver.tls, tls=complete)}) as gateway:
            gateway.delivered("syslog", EACH)
        taken = receiver.wait(EACH)
    assert len({one.data[SD_ID]["id"] for one in taken}) == EACH


@BOTH
def test_p2_a_receiver_that_is_killed_and_started_again_has_everything(
    kind: type[Receiver], needs: Callable[[Artefact], None], authority: Authority, tmp_path: Path
) -> None:
    needs(GO_SENDER)
    with running(kind, needs, tmp_path / "first", authority) as first:
        exporter = settings(port=first.tcp, tls={"insecure": True}, retry_on_failure={"max_interval": "2s"})
        with Gateway(tmp_path / "gateway", {"syslog": exporter}) as gateway:
            GO.send(gateway.grpc, EACH, tmp_path / "sender.log")
            first.wait(1)
            first.kill()
            assert identities(first)
            with first.again():
                gateway.delivered("syslog", EACH, 90)
                gateway.adds_up("syslog")
                eventually(lambda: len(identities(first)) == EACH, 30, "all of them are there")


def identities(receiver: Receiver) -> set[str]:
    return {one.data[SD_ID]["id"] for one in receiver.taken()}


class SyslogCollector(Collector):
    """A Collector that takes syslog and writes down what its parser made of it."""

    def __init__(self, directory: Path, protocol: str, **more: Any) -> None:
        self.port, self.file = free_port(), directory / "syslog.jsonl"
        receiver = {"tcp": {"listen_address": f"127.0.0.1:{self.port}"}, "protocol": protocol, **more}
        super().__init__(
            {
                "receivers": {"syslog": receiver},
                "exporters": {"file": {"path": str(self.file)}},
                "service": {"pipelines": {"logs": {"receivers": ["syslog"], "exporters": ["file"]}}},
            },
            directory,
        )

    def taken(self, count: int) -> list[seen.Seen]:
        eventually(lambda: len(list(seen.records(self.file))) >= count, 30, f"{count} records")
        return list(seen.records(self.file))


@pytest.mark.parametrize("framing", ["octet_counting", "lf"])
def test_the_collector_reads_rfc5424(framing: str, needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    needs(COLLECTOR)
    batch = [group for group in every_case() if group.records[0].moment]
    counted = framing == "octet_counting"
    with SyslogCollector(tmp_path / "collector", "rfc5424", enable_octet_counting=counted) as collector:
        destination = Syslog.model_validate(settings(port=collector.port, tls={"insecure": True}, framing=framing))
        deliver(tmp_path / "journal", destination, batch)
        taken = collector.taken(len(batch))
    sent = [read(line) for line in lines(destination, batch)]
    assert len(taken) == len(sent)
    for one, message in zip(taken, sent, strict=True):
        said = one.attributes
        assert said["priority"] == message.priority
        assert (said["hostname"], said["appname"]) == (message.host, message.app)
        assert said.get("msg_id", "-") == message.id
        assert said["structured_data"] == message.data
        assert said.get("message", "") == message.text
        assert one.severity > 0 or message.time == "-"


def test_the_collector_reads_rfc3164(needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    needs(COLLECTOR)
    batch = [group for group in every_case() if group.records[0].moment]
    with SyslogCollector(tmp_path / "collector", "rfc3164") as collector:
        destination = Syslog.model_validate(
            settings(port=collector.port, tls={"insecure": True}, protocol="rfc3164", app_name="audit")
        )
        deliver(tmp_path / "journal", destination, batch)
        taken = collector.taken(len(batch))
    for one, line in zip(taken, lines(destination, batch), strict=True):
        message = read_old(line)
        said = one.attributes
        assert (said["priority"], said["hostname"], said["appname"]) == (message.priority, message.host, "audit")
        assert said["message"] == message.text
        data, _ = elements(said["message"].encode(), 0)
        assert data[SD_ID]["id"]
