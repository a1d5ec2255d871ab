"""Every file of collector-config/ is a configuration that the Collector takes, and does what its first lines say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.locked import BILLING
from tests.gateway.locked_gateway import LockedGateway
from tests.gateway_process import Gateway
from tests.peers.artefacts import COLLECTOR, GO_SENDER, Artefact
from tests.peers.normalised import of_event
from tests.peers.scenario import expected, number
from tests.peers.senders import SENDERS
from tests.program import Program, answers, eventually, free_port
from tests.transport.authority import Authority

pytestmark = pytest.mark.peer

FILES = sorted((Path(__file__).parents[2] / "collector-config").glob("*.yaml"))
GO = next(sender for sender in SENDERS if sender.service == "go-grpc")
COUNT = 200


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_collector_calls_it_valid(path: Path, needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    needs(COLLECTOR)
    env = {"AGENT_STATE": str(tmp_path)}
    with Program([str(COLLECTOR.path), "validate", "--config", str(path)], tmp_path / "log", env) as validation:
        assert validation.finish() == 0, validation.tail()


@pytest.fixture
def gateway(tmp_path: Path, needs: Callable[[Artefact], None]) -> Iterator[Gateway]:
    """A gateway that writes to a file."""
    needs(COLLECTOR)
    needs(GO_SENDER)
    with Gateway(tmp_path / "gateway", {"file": {"path": str(tmp_path / "audit.jsonl")}}) as running:
        yield running


def documents(path: Path) -> list[dict[str, object]]:
    """What the gateway wrote."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_agent_forwards_otlp_and_files(gateway: Gateway, tmp_path: Path) -> None:
    port = free_port()
    lines = [{"event_type": "login", "user_id": f"u-{n}", "attempt": n} for n in range(COUNT)]
    (tmp_path / "app.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    env = {
        "OTELSIEM_ENDPOINT": f"127.0.0.1:{gateway.grpc}",
        "AGENT_STATE": str(tmp_path / "state"),
        "AGENT_FILES": str(tmp_path / "app.jsonl"),
        "AGENT_OTLP_GRPC": f"127.0.0.1:{port}",
        "AGENT_OTLP_HTTP": f"127.0.0.1:{free_port()}",
    }
    with running("agent-to-otelsiem", port, tmp_path, env):
        GO.send(port, COUNT, tmp_path / "sender.log")
        gateway.delivered("file", 2 * COUNT)
    found = documents(tmp_path / "audit.jsonl")
    followed = [one for one in found if one["event_type"] == "login"]
    assert [(one["user_id"], number_of(one)) for one in followed] == [(f"u-{n}", n) for n in range(COUNT)]
    sent = sorted((of_event(one) for one in found if one["event_type"] != "login"), key=number)
    assert sent == [expected(GO.service, n) for n in range(COUNT)]


def number_of(document: dict[str, object]) -> object:
    """The line number that a followed file's record carries."""
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return metadata["attempt"]


def test_p1_sidecar_answers_when_we_have_answered(gateway: Gateway, tmp_path: Path) -> None:
    """It has no queue: with the gateway gone the sender is told no, at once and not by a time-out."""
    port = free_port()
    env = {
        "OTELSIEM_ENDPOINT": f"http://127.0.0.1:{gateway.http}",
        "SIDECAR_OTLP_GRPC": f"127.0.0.1:{port}",
        "SIDECAR_OTLP_HTTP": f"127.0.0.1:{free_port()}",
    }
    with running("sidecar-to-otelsiem", port, tmp_path, env) as sidecar:
        GO.send(port, COUNT, tmp_path / "sender.log")
        assert gateway.metric("siem_events_accepted_total") == COUNT  # before anybody waited for anything
        gateway.delivered("file", COUNT)
        gateway.stop()
        refused = Program(GO.command("grpc", str(port), "1"), tmp_path / "refused.log")
        eventually(lambda: "Exporting failed" in sidecar.tail(), 30, "the sidecar refused")
        refused.stop()
    sent = sorted(map(of_event, documents(tmp_path / "audit.jsonl")), key=number)
    assert sent == [expected(GO.service, n) for n in range(COUNT)]


def test_a_collector_with_a_token_waits_while_it_is_over_its_quota(
    tmp_path: Path, needs: Callable[[Artefact], None]
) -> None:
    """And has delivered everything in the end, once, as the tenant of its token."""
    needs(COLLECTOR)
    needs(GO_SENDER)
    (tmp_path / "ca").mkdir()
    authority = Authority(tmp_path / "ca")
    authority.pair("server", "IP:127.0.0.1")
    quota = {"events_per_second": 60, "burst": 1}
    with LockedGateway(tmp_path / "gateway", authority, quota=quota) as gateway:
        port = free_port()
        env = {
            "OTELSIEM_ENDPOINT": f"127.0.0.1:{gateway.grpc}",
            "OTELSIEM_TOKEN": BILLING,
            "OTELSIEM_CA": str(authority.file),
            "AGENT_STATE": str(tmp_path / "state"),
            "AGENT_OTLP_GRPC": f"127.0.0.1:{port}",
            "AGENT_OTLP_HTTP": f"127.0.0.1:{free_port()}",
        }
        with running("agent-to-locked-otelsiem", port, tmp_path, env):
            for _ in range(2):  # the first one leaves a debt
                GO.send(port, COUNT, tmp_path / "sender.log")
            gateway.delivered("file", 2 * COUNT)
        assert gateway.metric("siem_events_accepted_total", token="billing", tenant="acme") == 2 * COUNT
        assert gateway.metric("siem_requests_refused_total", reason="quota", token="billing") > 0
        assert {one["tenant_id"] for one in gateway.written()} == {"acme"}


def running(name: str, port: int, tmp_path: Path, env: dict[str, str]) -> Program:
    """The Collector with this file, when its OTLP/gRPC port answers."""
    path = next(path for path in FILES if path.stem == name)
    quiet = "yaml:service::telemetry::metrics::level: none"  # its own metrics port is the same for every Collector
    argv = [str(COLLECTOR.path), "--config", str(path), "--config", quiet]
    return Program(argv, tmp_path / f"{name}.log", env).ready(lambda: answers(port))
