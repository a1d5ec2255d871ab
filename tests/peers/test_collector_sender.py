"""The Collector as a sender: its otlp and otlphttp exporters hand us records, and forget them on our word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway_process import Gateway
from tests.peers.artefacts import COLLECTOR, GO_SENDER, Artefact
from tests.peers.collector import Collector
from tests.peers.normalised import of_event
from tests.peers.scenario import expected, number
from tests.peers.senders import SENDERS
from tests.program import free_port

pytestmark = pytest.mark.peer

COUNT = 2000
GO = next(sender for sender in SENDERS if sender.service == "go-grpc")


def exporter(kind: str, gateway: Gateway) -> dict[str, Any]:
    """The Collector's exporter of this kind, pointed at the gateway."""
    if kind == "otlp":
        return {"endpoint": f"127.0.0.1:{gateway.grpc}", "tls": {"insecure": True}}
    encoding = "json" if kind.endswith("json") else "proto"
    return {"endpoint": f"http://127.0.0.1:{gateway.http}", "encoding": encoding}


# OTLP asks for gzip and none. zstd is for HTTP only: grpcio's core has none and answers INTERNAL, upon which the
# Collector drops the data; the files in collector-config/ say so.
@pytest.mark.parametrize(
    ("kind", "compression"),
    [
        ("otlp", "gzip"),
        ("otlp", "none"),
        ("otlphttp", "gzip"),
        ("otlphttp", "zstd"),
        ("otlphttp", "none"),
        ("otlphttp/json", "gzip"),
    ],
)
def test_p1_the_collector_delivers_through_us(
    kind: str, compression: str, needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    needs(COLLECTOR)
    needs(GO_SENDER)
    intake = free_port()
    output = tmp_path / "audit.jsonl"
    with Gateway(tmp_path / "gateway", {"file": {"path": str(output)}}) as gateway:
        config = {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{intake}"}}}},
            "exporters": {kind: exporter(kind, gateway) | {"compression": compression}},
            "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": [kind]}}},
        }
        with Collector(config, tmp_path / "collector"):
            GO.send(intake, COUNT, tmp_path / "sender.log")
            gateway.delivered("file", COUNT)
    arrived = sorted(map(of_event, map(json.loads, output.read_bytes().splitlines())), key=number)
    assert arrived == [expected(GO.service, n) for n in range(COUNT)]
