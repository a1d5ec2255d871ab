"""OpenTelemetry SDKs of four languages as senders: how each is started. None of them knows anything of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.peers.artefacts import GO_SENDER, JAVA_SENDER, NODE_SENDER, RECIPES, Artefact
from tests.program import Program

Command = Callable[[str, str, str], list[str]]  # transport, port, count -> argv


@dataclass(frozen=True)
class Sender:
    """One SDK with one of its transports."""

    language: str
    transport: str  # grpc, http (protobuf) or json (over HTTP)
    artefact: Artefact | None  # None: the exporters are in our virtual environment
    command: Command
    big: bool = True  # whether its language has 64-bit integers

    @property
    def service(self) -> str:
        """The service.name that it sends."""
        return f"{self.language}-{self.transport}"

    def send(self, port: int, count: int, log: Path) -> None:
        """Send the records of the scenario and wait until the sender says that it is done."""
        with Program(self.command(self.transport, str(port), str(count)), log, self.environment(port)) as program:
            assert program.finish() == 0, program.tail()

    def environment(self, port: int) -> dict[str, str]:
        """What the Java SDK is configured by; the others are told on the command line."""
        return {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if self.transport == "grpc" else "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_RESOURCE_ATTRIBUTES": f"service.name={self.service},service.namespace=peers",
            "OTEL_BLRP_MAX_QUEUE_SIZE": "65536",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_TRACES_EXPORTER": "none",
        }


def go(transport: str, port: str, count: str) -> list[str]:
    """The Go binary."""
    return [str(GO_SENDER.path), transport, port, count]


def java(transport: str, port: str, count: str) -> list[str]:
    """The compiled Send class with the SDK's jars."""
    home = JAVA_SENDER.home
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{home}/classes:{home}/libs/*", "Send", count]


def node(transport: str, port: str, count: str) -> list[str]:
    """The script beside its node_modules."""
    return ["node", str(NODE_SENDER.home / "send.mjs"), transport, port, count]


def python(transport: str, port: str, count: str) -> list[str]:
    """The script, run by the interpreter that runs the tests."""
    return [sys.executable, str(RECIPES / "otlp-python" / "send.py"), transport, port, count]


SENDERS = (
    Sender("go", "grpc", GO_SENDER, go),
    Sender("go", "http", GO_SENDER, go),
    Sender("java", "grpc", JAVA_SENDER, java),
    Sender("java", "http", JAVA_SENDER, java),
    Sender("node", "grpc", NODE_SENDER, node, big=False),
    Sender("node", "http", NODE_SENDER, node, big=False),
    Sender("node", "json", NODE_SENDER, node, big=False),
    Sender("python", "grpc", None, python),
    Sender("python", "http", None, python),
)
