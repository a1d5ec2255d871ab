"""The Collector's Datadog receiver, whose parser is not ours, understands every log of a gateway run.

It keeps the six fields that it knows and takes any key, so it judges what we say and not how we behave when refused.
"""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway_process import Gateway
from tests.peers.artefacts import COLLECTOR, Artefact
from tests.peers.collector import Collector, written
from tests.program import eventually, free_port

pytestmark = pytest.mark.peer

MANY = 2500
HOUR = 3600 * 10**9
LEVELS = {5: "debug", 9: "info", 13: "warn", 17: "error", 21: "critical"}


class Receiver(Collector):
    """A Collector that takes Datadog's logs and writes down what it understood."""

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.file = directory / "datadog.jsonl"
        super().__init__(
            {
                "receivers": {"datadog": {"endpoint": f"127.0.0.1:{self.port}"}},
                "exporters": {"file": {"path": str(self.file)}},
                "service": {"pipelines": {"logs": {"receivers": ["datadog"], "exporters": ["file"]}}},
            },
            directory,
        )


def text(n: int) -> str:
    return f'n{n} Zoë ✓ "quoted"\nline two'


def otlp(now: int) -> dict[str, Any]:
    """Records as a sender writes them; every tenth is older than Datadog keeps logs."""
    levels = list(LEVELS)
    logs = [
        {
            "timeUnixNano": str(moment(now, n)),
            "severityNumber": levels[n % 5],
            "eventName": "audit.login",
            "body": {"stringValue": text(n)},
            "attributes": [
                {"key": "tenant.id", "value": {"stringValue": f"t-{n % 3}"}},
                {"key": "status", "value": {"stringValue": "failure"}},
                {"key": "service", "value": {"stringValue": "forged"}},
            ],
        }
        for n in range(MANY)
    ]
    resource = {"service.name": "auth", "host.name": "server-01", "service.version": "2.1"}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    return {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": logs}]}]}


def moment(now: int, n: int) -> int:
    return now - (30 * HOUR if n % 10 == 0 else 0) + n * 1_000_001


def send(gateway: Gateway, now: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", gateway.http, timeout=30)
    try:
        body = json.dumps(otlp(now)).encode()
        client.request("POST", "/v1/logs", body, {"Content-Type": "application/json"})
        assert client.getresponse().status == 200
    finally:
        client.close()


def exporter(port: int, **more: Any) -> dict[str, Any]:
    return {
        "api": {"key": "0" * 32},
        "endpoint": f"http://127.0.0.1:{port}",
        "tags": ["Team:IAM", "tenant:{tenant.id}"],
        "env": "prod",
        **more,
    }


def test_p2_datadog_gets_every_record_once(needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    needs(COLLECTOR)
    now = time.time_ns()
    with (
        Receiver(tmp_path / "receiver") as receiver,
        Gateway(tmp_path / "gateway", {"datadog": exporter(receiver.port)}) as gateway,
    ):
        send(gateway, now)
        gateway.delivered("datadog", MANY)
        gateway.adds_up("datadog")
        arrived = written(receiver.file, MANY, 60)
    assert Counter(record.body for record in arrived) == Counter(text(n) for n in range(MANY))
    for record in arrived:
        n = int(record.body.partition(" ")[0][1:])
        late = n % 10 == 0
        tags = f"team:iam,tenant:t-{n % 3},env:prod,version:2.1" + (",late:true" if late else "")
        said = dict(record.attributes)
        shown = said.pop("timestamp")
        assert said == {
            "status": list(LEVELS.values())[n % 5],
            "hostname": "server-01",
            "service": "auth",
            "ddsource": "otelsiem",
            "ddtags": tags,
        }
        assert shown >= now // 10**6 if late else shown == moment(now, n) // 10**6


def test_p3_a_datadog_that_was_down_gets_everything(needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    needs(COLLECTOR)
    port = free_port()
    settings = exporter(port, compression="none", max_request_bytes=100_000)
    with Gateway(tmp_path / "gateway", {"datadog": settings}) as gateway:
        send(gateway, time.time_ns())
        eventually(lambda: gateway.metric("siem_retry_attempts_total") > 0, 30, "a first attempt failed")
        assert gateway.metric("siem_events_sent_total", exporter="datadog") == 0
        with Receiver(tmp_path / "receiver", port) as receiver:
            gateway.delivered("datadog", MANY, 90)
            arrived = written(receiver.file, MANY, 60)
    assert Counter(record.body for record in arrived) == Counter(text(n) for n in range(MANY))
