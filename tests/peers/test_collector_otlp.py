"""The Collector's OTLP receiver, whose decoders are not ours, reads every field of what we send, over both transports.

What it read is compared as its file exporter wrote it, record by record: values with their types, ids, both times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from otelsiem.destinations.otlp import Otlp
from otelsiem.destinations.otlp_http import OtlpHttp
from otelsiem.model.destination import Moment
from otelsiem.model.exchange import Failure
from otelsiem.model.outcome import Hold, Retry
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.otlp.json import decode_json
from otelsiem.transport.transport import open_transport
from otelsiem.trial import converse
from tests.gateway_process import Gateway
from tests.house import House
from tests.otlp.oracle import merged, shown
from tests.peers.artefacts import COLLECTOR, GO_SENDER, Artefact
from tests.peers.collector import Collector, Config, Judge
from tests.peers.scenario import expected, number
from tests.peers.seen import Seen
from tests.peers.senders import SENDERS
from tests.program import answers, eventually, free_port
from tests.transport.authority import Authority

pytestmark = pytest.mark.peer

EACH = 2000
GO = next(sender for sender in SENDERS if sender.service == "go-grpc")

WAYS = [
    pytest.param(kind, settings, id=f"{kind}-{'-'.join(settings.values())}")
    for kind, settings in (
        ("otlp", {"compression": "gzip"}),
        ("otlp", {"compression": "none"}),
        *[
            ("otlp_http", {"encoding": encoding, "compression": compression})
            for encoding in ("proto", "json")
            for compression in ("gzip", "zstd", "none")
        ],
    )
]


def exporter(kind: str, judge: Judge | Receiver, **settings: Any) -> dict[str, Any]:
    """The settings that lead to this Collector, in the clear."""
    if kind == "otlp":
        return {"endpoint": f"127.0.0.1:{judge.grpc}", "tls": {"insecure": True}, **settings}
    return {"endpoint": f"http://127.0.0.1:{judge.http}", **settings}


def destination(kind: str, settings: dict[str, Any]) -> Otlp | OtlpHttp:
    return (Otlp if kind == "otlp" else OtlpHttp).model_validate(settings)


class Receiver(Collector):
    """A Collector that takes OTLP with these TLS settings, and writes down what it got."""

    def __init__(self, directory: Path, tls: dict[str, Any], grpc: int = 0, http: int = 0) -> None:
        self.grpc, self.http = grpc or free_port(), http or free_port()
        self.file = directory / "otlp.jsonl"
        protocols = {
            name: {"endpoint": f"127.0.0.1:{port}"} | ({"tls": tls} if tls else {})
            for name, port in (("grpc", self.grpc), ("http", self.http))
        }
        config: Config = {
            "receivers": {"otlp": {"protocols": protocols}},
            "exporters": {"file": {"path": str(self.file)}},
            "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["file"]}}},
        }
        super().__init__(config, directory)
        self.ready(lambda: answers(self.grpc) and answers(self.http))  # its health check may be well before they are


def arrived(file: Path, count: int) -> Batch:
    """The groups in a Collector's file, when there are so many records."""
    found: Batch = []

    def enough() -> bool:
        lines = file.read_bytes().split(b"\n") if file.exists() else []
        found[:] = [group for line in lines[:-1] for group in decode_json(line)]
        return sum(len(group.records) for group in found) >= count

    eventually(enough, 30, f"{count} records in {file.name}")
    return found


def tricky() -> Batch:
    """What a careless encoder loses, in two resources and three scopes."""
    nested: Any = {"list": [1, "a", None, [2.5, True]], "empty": {}, "none": [], "in": {"in": {"in": b"\x00\xff"}}}
    values: dict[str, Any] = {
        "text": "Zoë ✓ \"quoted\"\n\x00\u2028", "empty": "", "no": None, "yes": True, "false": False, "zero": 0,
        "big": 2**63 - 1, "small": -(2**63), "seven": 7.0, "tiny": 5e-324, "bytes": b"\x00\xff", "nested": nested,
        "": "no name", "long": "x" * 20_000, "len127": "y" * 127, "len128": "y" * 128, "len16384": "z" * 16384,
    }  # fmt: skip
    records = [
        Record("id-1", 1767225600123456789, 1767225600200000000, 17, "ERROR", "user.login", "text", values,
               "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", 1),
        Record("id-2", 2**63 - 1, 2**63 - 1, 24, "", "e" * 300, nested, {"audit.record.id": "id-2"}, flags=0xFFFFFFFF),
        Record("id-3", 0, 5, 0, "level", "", ["a", 1], {"otel.dropped_attributes_count": 3}),
        Record("id-4", 6, 7, 9, body=2**40),
    ]  # fmt: skip
    resource: dict[str, Any] = {"service.name": "s", "n": 5, "list": ["a", 1]}
    scope = Scope("scope", "1.0", {"k": [1, 2]}, "https://example.com/scope")
    return [
        Group(resource, scope, records[:2], "https://example.com/resource"),
        Group(resource, Scope("other"), records[2:3], "https://example.com/resource"),
        Group({}, Scope(), records[3:]),
    ]


def with_ids(batch: Batch) -> Batch:
    """As a receiver sees them: the id is an attribute."""
    for group in batch:
        for record in group.records:
            if "audit.record.id" not in record.attributes:
                record.attributes["log.record.uid"] = record.id
            record.id = ""
    return batch


@pytest.mark.parametrize(("kind", "settings"), WAYS)
def test_every_field_arrives(
    kind: str, settings: dict[str, str], needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    needs(COLLECTOR)
    with Receiver(tmp_path / "collector", {}) as judge:
        made = destination(kind, exporter(kind, judge, **settings))
        transport = open_transport(made.wire)
        at = Moment(1)
        for payload in made.encode(tricky(), at).payloads:
            outcome = converse(made.exchange(payload, at), transport.perform)
            assert type(outcome).__name__ == "Delivered", outcome
        probe = converse(made.probe(at), transport.perform)
        assert type(probe).__name__ == "Delivered", probe
        transport.close()
        found = arrived(judge.file, 4)  # before the stop: one that takes too long is a kill, which flushes nothing
        assert shown(merged(found)) == shown(with_ids(tricky()))


def compare(found: list[Seen]) -> None:
    """Every record of the sender, once, with all that was sent and an id that nobody else has."""
    assert Counter(number(record) for record in found) == Counter(range(EACH))
    ids = [record.attributes.pop("log.record.uid") for record in found]
    assert len(set(ids)) == EACH
    for record in found:
        assert record == expected(GO.service, number(record))


@pytest.mark.parametrize("kind", ["otlp", "otlp_http"])
def test_p2_a_collector_gets_every_record_of_a_gateway_once(
    kind: str, judge: Judge, needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    needs(GO_SENDER)
    with Gateway(tmp_path / "gateway", {kind: exporter(kind, judge)}) as gateway:
        GO.send(gateway.grpc, EACH, tmp_path / "sender.log")
        gateway.delivered(kind, EACH)
        gateway.adds_up(kind)
    compare(judge.over_otlp(EACH))


@pytest.mark.parametrize("kind", ["otlp", "otlp_http"])
def test_p3_a_collector_that_goes_down_and_comes_back_gets_everything(
    kind: str, needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    needs(COLLECTOR)
    needs(GO_SENDER)
    ports = (free_port(), free_port())
    with Receiver(tmp_path / "first", {}, *ports) as first:
        settings = exporter(kind, first) | {"retry_on_failure": {"max_interval": "1s"}}
        with Gateway(tmp_path / "gateway", {kind: settings}) as gateway:
            GO.send(gateway.grpc, EACH, tmp_path / "one.log")
            gateway.delivered(kind, EACH)
            first.stop()
            GO.send(gateway.grpc, EACH, tmp_path / "two.log")
            eventually(lambda: gateway.metric("siem_retry_attempts_total") > 0, 30, "a first attempt failed")
            assert gateway.metric("siem_dead_letters", exporter=kind) == 0
            with Receiver(tmp_path / "second", {}, *ports) as second:
                gateway.delivered(kind, 2 * EACH, 90)
                gateway.adds_up(kind)
                second.stop()
                there = [*arrived(first.file, EACH), *arrived(second.file, EACH)]
    ids = Counter(record.attributes["log.record.uid"] for group in there for record in group.records)
    assert len(ids) == 2 * EACH
    assert set(ids.values()) == {1}


@contextmanager
def house(directory: Path, made: object) -> Iterator[House]:
    home = House(directory, cast("Any", made))
    home.open()
    try:
        yield home
    finally:
        home.close()


@pytest.mark.parametrize("kind", ["otlp", "otlp_http"])
def test_mutual_tls(kind: str, needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    """With our certificate it delivers; without one, or with a stranger's authority, it is told what is wrong."""
    needs(COLLECTOR)
    (tmp_path / "ca").mkdir()
    authority = Authority(tmp_path / "ca")
    server, client = authority.pair("server", "IP:127.0.0.1"), authority.pair("client", "DNS:client")
    receiving = {"cert_file": server.cert, "key_file": server.key, "client_ca_file": str(authority.file)}
    sending = {"ca_file": str(authority.file), "cert_file": client.cert, "key_file": client.key}
    with Receiver(tmp_path / "collector", receiving) as judge:
        address = f"https://127.0.0.1:{judge.grpc if kind == 'otlp' else judge.http}"
        made = destination(kind, {"endpoint": address, "tls": sending})
        with house(tmp_path / "house", made) as home:
            home.send(100)
            assert home.delivered().delivered == 100
        for tls, words in (({"ca_file": sending["ca_file"]}, "client certificate"), ({}, "unknown CA")):
            wrong = destination(kind, {"endpoint": address, "tls": tls})
            transport = open_transport(wrong.wire)
            (payload,) = wrong.encode([Group({}, Scope(), [Record(id="x")])], Moment(1)).payloads
            reply = transport.perform(cast("Any", next(wrong.exchange(payload, Moment(1)))))
            outcome = converse(wrong.exchange(payload, Moment(1)), transport.perform)
            transport.close()
            assert isinstance(reply, Failure), reply
            assert (reply.kind, words in reply.detail) == ("tls", True), reply
            assert isinstance(outcome, Hold | Retry)
        assert sum(len(group.records) for group in arrived(judge.file, 100)) == 100
