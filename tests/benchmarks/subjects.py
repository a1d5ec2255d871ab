"""What is measured: our gateway, and beside it others that do the same work for the same sink.

The Collector maps severity and stamps the hash by its transform processor, sends gzip as by default, and has its queue
in memory or in `file_storage` with `fsync: true`, the durability that ours has. The prototype does less than all.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.prototype import Prototype
from tests.gateway_process import Gateway
from tests.peers.artefacts import COLLECTOR
from tests.peers.collector import Collector
from tests.program import free_port

HASH = "cdd01ef066bc6cf2"
TOKEN = "00000000-0000-0000-0000-000000000001"
SUBJECTS = ("otelsiem", "collector file", "collector memory")
LEAST = "prototype"  # takes gRPC alone


def ours(directory: Path, sink: int, *, dead: bool, retry: Mapping[str, str]) -> Gateway:
    """One exporter to the sink; `dead`: a second one whose destination refuses connections."""
    hec = {"endpoint": f"http://127.0.0.1:{sink}", "token": TOKEN}
    exporters: dict[str, Any] = {"splunk_hec/live": {**hec, **({"retry_on_failure": dict(retry)} if retry else {})}}
    if dead:
        exporters["splunk_hec/dead"] = {**hec, "endpoint": f"http://127.0.0.1:{free_port()}"}
    return Gateway(directory, exporters, {"severity": {}, "constitution": {"hash": HASH}})


class Peer(Collector):
    """The Collector as a gateway."""

    def __init__(self, directory: Path, sink: int, *, durable: bool, retry: Mapping[str, str], queue: int) -> None:
        self.grpc, self.http = free_port(), free_port()
        self._retry, self._queue = dict(retry), queue
        storage = directory / "queue"
        storage.mkdir(parents=True)
        super().__init__(self._configuration(sink, storage if durable else None), directory)

    def _configuration(self, sink: int, storage: Path | None) -> dict[str, Any]:
        grpc, http = (f"127.0.0.1:{port}" for port in (self.grpc, self.http))
        queue: dict[str, Any] = {
            "enabled": True,
            "num_consumers": 10,
            "queue_size": self._queue,
            "block_on_overflow": True,
        }
        extensions: dict[str, Any] = {}
        if storage is not None:
            queue["storage"] = "file_storage"
            extensions["file_storage"] = {"directory": str(storage), "fsync": True}
        outcome, stamp = 'log.attributes["audit.outcome"]', 'log.attributes["audit.constitutional_hash"]'
        statements = [
            f'set(log.severity_number, 13) where log.severity_number < 13 and {outcome} == "failure"',
            f'set({stamp}, "{HASH}") where {stamp} == nil',
        ]
        return {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}}},
            "processors": {"transform": {"log_statements": [{"statements": statements}]}},
            "extensions": extensions,
            "exporters": {
                "splunk_hec": {
                    "endpoint": f"http://127.0.0.1:{sink}/services/collector",
                    "token": TOKEN,
                    "sending_queue": queue,
                    "retry_on_failure": {"max_elapsed_time": "0s", **self._retry},
                }
            },
            "service": {
                "extensions": list(extensions),
                "pipelines": {
                    "logs": {"receivers": ["otlp"], "processors": ["transform"], "exporters": ["splunk_hec"]},
                },
            },
        }


def start(
    subject: str, directory: Path, sink: int, *, dead: bool = False, retry: Mapping[str, str] = {}, queue: int = 64
) -> Gateway | Peer | Prototype:
    """A running subject, ready for records; `queue`: how many requests the Collector's may hold (ours is the disk)."""
    if subject == "otelsiem":
        return ours(directory, sink, dead=dead, retry=retry)
    if subject == LEAST:
        return Prototype(directory, sink)
    if not COLLECTOR.path.exists():
        raise SystemExit("the Collector is not prepared: python3 -m tests.peers.prepare collector")
    return Peer(directory, sink, durable=subject == "collector file", retry=retry, queue=queue)


def oldest(gateway: Gateway) -> float:
    """Seconds since the oldest record was taken that the living exporter has not delivered."""
    token = (gateway.directory / "journal" / "admin.token").read_text().strip()
    url = f"http://127.0.0.1:{gateway.admin}/api/v1/status"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5) as reply:
        exporters = json.load(reply)["exporters"]
    since = next(e["oldest"] for e in exporters if e["exporter"] == "splunk_hec/live")
    return max(time.time() - datetime.fromisoformat(since).timestamp(), 0.0) if since else 0.0
