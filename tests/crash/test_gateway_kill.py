"""P1 and P2 against `kill -9`: senders keep what was acknowledged, the sink keeps what arrived, and they must agree.

Each round starts a gateway on the same journal, loads it from several senders, and kills it at a random moment or at a
named point of the journal. A sender whose request got no answer sends the very same bytes again after the restart.
At the end every acknowledged record is at the sink; a record that arrived twice came in another round or was sent
again by its sender; and all copies of a record carry one id.
"""

from __future__ import annotations

import gzip
import http.client
import random
import re
import signal
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp.encode import encode
from otelsiem.testing.http import HttpServer, Respond, Seen
from tests.gateway_process import Gateway
from tests.program import eventually

# named point of the journal → how many passings a round is sure to bring
POINTS = {
    "commit.before": 12,
    "commit.after": 12,
    "settle.queued": 12,
    "settle.committed": 12,
    "delete.after": 3,
    "checkpoint.before": 1,
    "checkpoint.after": 1,
}
SENDERS = 3
TAKEN = Respond(200, b'{"text":"Success","code":0}')
EVENT = re.compile(rb'"event_id":"([^"]+)".*?"crash\.n":(\d+)')


@dataclass
class Sink:
    """What arrived: record number → the rounds of its copies; and the ids it came under."""

    round: int = 0
    copies: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: Seen) -> Respond:
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        found = [EVENT.search(line) for line in body.split(b"\n") if line]
        with self.lock:
            for match in found:
                assert match is not None, body[:300]
                number = int(match[2])
                self.copies[number].append(self.round)
                self.ids[number].add(match[1])
        return TAKEN


@dataclass
class Numbers:
    """Hands out numbers to several senders, none of them twice."""

    next: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, size: int) -> range:
        with self.lock:
            first = self.next
            self.next = first + size
        return range(first, first + size)


@dataclass
class Sender(threading.Thread):
    """Sends requests one after another until told to stop; one without an answer is kept for the next round."""

    numbers: Numbers
    draw: random.Random
    port: int = 0
    acknowledged: set[int] = field(default_factory=set)
    resent: set[int] = field(default_factory=set)
    kept: tuple[bytes, range] | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            while not self.stop.is_set():
                self.send(connection)
        except (OSError, http.client.HTTPException):
            pass  # it was killed: `kept` has what nobody answered
        finally:
            connection.close()

    def send(self, connection: http.client.HTTPConnection) -> None:
        again = self.kept is not None
        body, numbers = self.kept or self.request()
        self.kept = (body, numbers)
        if again:
            self.resent.update(numbers)
        connection.request("POST", "/v1/logs", body, {"Content-Type": "application/x-protobuf"})
        reply = connection.getresponse()
        reply.read()
        if reply.status == 200:
            self.acknowledged.update(numbers)
            self.kept = None
        elif reply.status == 503:  # it is stopping or full: the same bytes once more
            time.sleep(0.01)
        else:
            raise AssertionError(f"HTTP {reply.status}")

    def request(self) -> tuple[bytes, range]:
        size = self.draw.choice((1, 1, 3, 20, 100, 512))
        numbers = self.numbers.take(size)
        now = time.time_ns()
        records = [Record(time=now, observed=now, severity=9, event="x", attributes={"crash.n": n}) for n in numbers]
        return encode([Group({"service.name": "crash"}, Scope(), records)]), numbers


class Child(Gateway):
    """The gateway of tests.crash.child."""

    def __init__(self, directory: Path, sink: int, point: str = "-", nth: int = 1) -> None:
        self._ends_at = (point, str(nth))
        live = {"endpoint": f"http://127.0.0.1:{sink}", "token": "crash-token", "compression": "gzip"}
        super().__init__(directory, {"splunk_hec/live": live}, {"severity": {}})

    def command(self, path: Path) -> list[str]:
        return [sys.executable, "-m", "tests.crash.child", str(path), *self._ends_at]


def identity(gateway: Gateway) -> None:
    """P2 from /metrics alone."""
    status, page = gateway.get("/metrics")
    assert status == 200

    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]

    def total(name: str) -> float:
        return float(sum(sample.value for sample in samples if sample.name == name and sample.labels.get("exporter")))

    fates = ("siem_events_sent_total", "siem_dead_letters", "siem_events_filtered_total", "siem_events_purged_total")
    accepted = total("siem_exporter_accepted_total")
    assert accepted == sum(total(name) for name in fates) + total("siem_queue_size"), page


def rounds(draw: random.Random, kills: int) -> list[tuple[str, int, float]]:
    """(point, nth passing, seconds): random moments, and every named point at least once."""
    random_ones = [("-", 1, draw.uniform(0.02, 0.5)) for _ in range(kills)]
    named = [(point, draw.randint(1, most), 0.0) for point, most in POINTS.items() for _ in range(max(1, kills // 20))]
    mixed = random_ones + named
    draw.shuffle(mixed)
    return mixed


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_p1_p2_nothing_acknowledged_is_lost_to_kill_9(tmp_path: Path, kills: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}, {kills} random kills")
    draw = random.Random(seed)
    numbers = Numbers()
    sink = Sink()
    senders = [Sender(numbers, random.Random(draw.random())) for _ in range(SENDERS)]
    with HttpServer(sink.take, keep=False) as server:
        for point, nth, seconds in rounds(draw, kills):
            sink.round += 1
            gateway = Child(tmp_path, server.port, point, nth)
            identity(gateway)
            senders = [_next(sender, gateway.http) for sender in senders]
            gateway.process.send_signal(signal.SIGUSR1)
            for sender in senders:
                sender.start()
            if point == "-":
                time.sleep(seconds)
            else:
                eventually(gateway.ended, 20, f"{point} passed {nth} times")  # else nothing of it was tested
            gateway.kill()
            server.drop()  # what the dead gateway had sent is counted in its own round, or not at all
            for sender in senders:
                sender.stop.set()
                sender.join()
        sink.round += 1
        with Child(tmp_path, server.port) as last:
            senders = [_next(sender, last.http) for sender in senders]
            for sender in senders:
                sender.stop.set()
                if sender.kept is not None:
                    connection = http.client.HTTPConnection("127.0.0.1", last.http, timeout=10)
                    sender.send(connection)
                    connection.close()
            eventually(lambda: last.metric("siem_queue_size") == 0, 60, "everything delivered")
            identity(last)
    _judge(sink, senders)


def _next(old: Sender, port: int) -> Sender:
    """Threads start once: the next round's sender inherits everything but the thread."""
    return Sender(old.numbers, old.draw, port, old.acknowledged, old.resent, old.kept)


def _judge(sink: Sink, senders: list[Sender]) -> None:
    acknowledged = set[int]().union(*[sender.acknowledged for sender in senders])
    resent = set[int]().union(*[sender.resent for sender in senders])
    missing = acknowledged - sink.copies.keys()
    assert acknowledged, "the senders got no answer at all"
    assert not missing, f"{len(missing)} of {len(acknowledged)} acknowledged records are missing"
    for number, came in sink.copies.items():
        if number not in resent:
            assert len(came) == len(set(came)), f"record {number} came twice in one round, {came}"
        assert len(sink.ids[number]) == 1, f"record {number} has several ids, {sink.ids[number]}"
    twice = sum(len(came) > 1 for came in sink.copies.values())
    print(f"{len(acknowledged)} acknowledged, 0 missing, {twice} came twice, {len(resent)} sent again by their sender")
