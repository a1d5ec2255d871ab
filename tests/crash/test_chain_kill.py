"""A gateway that sends to a gateway, and `kill -9` of the second: each record once by its id, which never changes."""

from __future__ import annotations

import http.client
import json
import random
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp.encode import encode
from tests.gateway_process import Config, Gateway
from tests.program import eventually, free_port

SIZE, REQUESTS, KILLS = 20, 150, 2


class Second(Gateway):
    """A gateway on ports of its own choice: the first one finds it again after a restart."""

    ports: tuple[int, int] = (0, 0)

    def configuration(
        self, exporters: Mapping[str, Any], processors: Mapping[str, Any], journal: Mapping[str, Any]
    ) -> Config:
        self.grpc, self.http = self.ports
        return super().configuration(exporters, processors, journal)


def post(port: int, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/v1/logs", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def passed(gateway: Gateway, kind: str, records: int) -> bool:
    return gateway.metric("siem_events_sent_total", exporter=kind) >= records


def request(n: int) -> bytes:
    records = [Record(time=1_767_225_600_000_000_000 + n * SIZE + m, body=str(n * SIZE + m)) for m in range(SIZE)]
    return encode([Group({"service.name": "chain"}, Scope("chain"), records)])


@pytest.mark.parametrize("kind", ["otlp", "otlp_http"])
def test_p2_each_record_passes_a_chain_once_by_its_id(kind: str, tmp_path: Path) -> None:
    draw = random.Random(kind)
    Second.ports = (free_port(), free_port())
    out, settings = tmp_path / "out.jsonl", {"file": {"path": str(tmp_path / "out.jsonl")}}
    address = f"http://127.0.0.1:{Second.ports[0 if kind == 'otlp' else 1]}"
    to = {"endpoint": address, "sending_queue": {"batch": {"max_size": 100}}}
    brisk = {"retry_on_failure": {"initial_interval": "50ms", "max_interval": "200ms"}}
    second = Second(tmp_path / "second", settings)
    try:
        with Gateway(tmp_path / "first", {kind: to | brisk}) as first:
            with ThreadPoolExecutor(2) as senders:
                answers = senders.map(lambda n: post(first.http, request(n)), range(REQUESTS))
                for share in range(1, KILLS + 1):  # each while records are under way
                    aim = SIZE * REQUESTS * share // (KILLS + 1) + draw.randrange(SIZE)
                    eventually(partial(passed, first, kind, aim), 60, f"{aim} have passed")
                    second.kill()
                    second = Second(tmp_path / "second", settings)
                assert set(answers) == {200}
            first.delivered(kind, SIZE * REQUESTS)
            first.adds_up(kind)
        second.stop()
    finally:
        if not second.ended():
            second.kill()
    events = [json.loads(line) for line in out.read_bytes().split(b"\n")[:-1]]
    ids = {event["message"]: event["event_id"] for event in events}
    assert set(ids) == {str(n) for n in range(SIZE * REQUESTS)}, "nothing is lost"
    assert len(set(ids.values())) == SIZE * REQUESTS, "no two share an id"
    assert {(event["message"], event["event_id"]) for event in events} == set(ids.items()), "copies carry the same id"
    assert max(Counter(event["event_id"] for event in events).values()) <= 3
