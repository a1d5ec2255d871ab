"""The OpenTelemetry Collector as a running program: a judge of what we send, and a sender that judges what we take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.peers import seen
from tests.peers.artefacts import COLLECTOR
from tests.program import Program, answers, eventually, free_port

Config = dict[str, Any]


class Collector(Program):
    """A Collector with this configuration, ready when its health check says so."""

    def __init__(self, config: Config, directory: Path, env: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.health = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "collector.json"  # JSON is YAML
        path.write_text(json.dumps(with_health(config, self.health)), "utf-8")
        super().__init__([str(COLLECTOR.path), "--config", str(path)], directory / "collector.log", env)
        self.ready(lambda: answers(self.health))


def with_health(config: Config, port: int) -> Config:
    """The configuration plus a health check, and without the metrics endpoint (its port is the same for all)."""
    service = config["service"]
    extensions = config.get("extensions", {})
    return config | {
        "extensions": extensions | {"health_check": {"endpoint": f"127.0.0.1:{port}"}},
        "service": service
        | {
            "extensions": [*service.get("extensions", []), "health_check"],
            "telemetry": {"metrics": {"level": "none"}},
        },
    }


class Judge(Collector):
    """A Collector that takes OTLP and Splunk HEC and writes down every record that it understood.

    Given a token, its HEC receiver answers 401 to any other; by itself it takes them all.
    """

    def __init__(self, directory: Path, hec: int | None = None, token: str = "") -> None:
        self.grpc, self.http, self.hec = free_port(), free_port(), hec or free_port()
        self.token = token
        self.otlp_file, self.hec_file = directory / "otlp.jsonl", directory / "hec.jsonl"
        super().__init__(self.configuration(), directory)

    def configuration(self) -> Config:
        """One pipeline and one file per language spoken."""
        grpc, http = (f"127.0.0.1:{port}" for port in (self.grpc, self.http))
        auth = {"auth": {"authenticator": "bearertokenauth"}} if self.token else {}
        return {
            "receivers": {
                "otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}},
                "splunk_hec": {"endpoint": f"127.0.0.1:{self.hec}", "ack": {"extension": "ack"}} | auth,
            },
            "extensions": {"ack": {}, "bearertokenauth": {"scheme": "Splunk", "token": self.token or "unused"}},
            "exporters": {
                "file/otlp": {"path": str(self.otlp_file)},
                "file/hec": {"path": str(self.hec_file)},
            },
            "service": {
                "extensions": ["ack", "bearertokenauth"],
                "pipelines": {
                    "logs/otlp": {"receivers": ["otlp"], "exporters": ["file/otlp"]},
                    "logs/hec": {"receivers": ["splunk_hec"], "exporters": ["file/hec"]},
                },
            },
        }

    def over_otlp(self, count: int, seconds: float = 30) -> list[seen.Seen]:
        """The records that came over OTLP, when there are this many."""
        return written(self.otlp_file, count, seconds)

    def over_hec(self, count: int, seconds: float = 60) -> list[seen.Seen]:
        """The records that came over HEC, when there are this many."""
        return written(self.hec_file, count, seconds)


def written(path: Path, count: int, seconds: float) -> list[seen.Seen]:
    """The records of a file when there are at least this many; more are returned too, so that a test sees them."""
    found: list[seen.Seen] = []

    def enough() -> bool:
        found[:] = seen.records(path)
        return len(found) >= count

    try:
        eventually(enough, seconds, f"{count} records in {path.name}")
    except AssertionError as late:
        raise AssertionError(f"{late}; there are {len(found)}") from None
    return found
