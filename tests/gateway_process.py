"""A gateway as its users run it: `otelsiem run --config FILE` in a process of its own, on loopback.

Ports are free ones, the journal lies in the test's directory, and a second start on the same directory finds what
the first one left. The end comes by process id: SIGTERM, then SIGKILL.
"""

from __future__ import annotations

import http.client
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.program import Program, eventually, free_port

Config = dict[str, Any]
FATES = (
    "siem_events_sent_total",
    "siem_dead_letters",
    "siem_events_filtered_total",
    "siem_events_purged_total",
    "siem_queue_size",
)


class Gateway(Program):
    """A running gateway, ready for records when the constructor returns."""

    def __init__(
        self,
        directory: Path,
        exporters: Mapping[str, Any],
        processors: Mapping[str, Any] | None = None,
        *,
        journal: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.grpc, self.http, self.admin = free_port(), free_port(), free_port()
        directory.mkdir(parents=True, exist_ok=True)
        self.config = self.configuration(exporters, processors or {}, journal or {})
        self.path = directory / "otelsiem.yaml"
        self.write()
        super().__init__(self.command(self.path), directory / "gateway.log", env)
        self.ready(self.says_ready)

    def command(self, path: Path) -> list[str]:
        """How the process is started."""
        return [sys.executable, "-m", "otelsiem", "run", "--config", str(path)]

    def configuration(
        self, exporters: Mapping[str, Any], processors: Mapping[str, Any], journal: Mapping[str, Any]
    ) -> Config:
        """One pipeline: OTLP in over both transports, these processors, all of these exporters."""
        grpc, http = (f"127.0.0.1:{port}" for port in (self.grpc, self.http))
        pipeline = {"receivers": ["otlp"], "processors": list(processors), "exporters": list(exporters)}
        return {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}}},
            "processors": dict(processors),
            "exporters": {name: dict(settings) for name, settings in exporters.items()},
            "service": {
                "journal": {"type": "sqlite", "directory": str(self.directory / "journal"), **journal},
                "admin": {"endpoint": f"127.0.0.1:{self.admin}"},
                "pipelines": {"logs": pipeline},
            },
        }

    def write(self) -> None:
        """The configuration as it is now into its file."""
        self.path.write_text(yaml.safe_dump(self.config, sort_keys=False), "utf-8")

    def reload(self) -> bool:
        """SIGHUP with the file as it is; whether it worked, once it is over."""
        before = self.metric("siem_config_reloads_total")
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.metric("siem_config_reloads_total") > before, 60, "the reload is over")
        return self.metric("siem_config_last_reload_success") == 1

    def says_ready(self) -> bool:
        """Whether /ready on the admin address says yes."""
        try:
            return self.get("/ready")[0] == 200
        except OSError:
            return False

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the admin address."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def delivered(self, exporter: str, count: int, seconds: float = 60) -> None:
        """Wait until an exporter has delivered this many records, and check that it did not deliver more."""
        sent = 0.0

        def enough() -> bool:
            nonlocal sent
            sent = self.metric("siem_events_sent_total", exporter=exporter)
            return sent >= count

        try:
            eventually(enough, seconds, f"{exporter} delivered {count} records")
        except AssertionError as late:
            raise AssertionError(f"{late}; it delivered {sent:g}\n{self.tail()}") from None
        assert sent == count

    def adds_up(self, exporter: str) -> None:
        """P2 in the metrics: every record acknowledged for this exporter has one fate. For a gateway at rest."""
        counts = {name: self.metric(name, exporter=exporter) for name in FATES}
        assert self.metric("siem_exporter_accepted_total", exporter=exporter) == sum(counts.values()), counts

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels."""
        status, text = self.get("/metrics")
        assert status == 200, text
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)
