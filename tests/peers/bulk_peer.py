"""What both Elasticsearch and OpenSearch must make of us, whatever they are called and however we sign in."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway_process import Gateway
from tests.peers.artefacts import GO_SENDER, Artefact
from tests.peers.cluster import Cluster, finds, mapped, occupied, template
from tests.peers.documents import of_ecs, of_otel, plain
from tests.peers.emit import START, Event, emit
from tests.peers.scenario import expected, number
from tests.peers.senders import SENDERS
from tests.program import eventually, free_port

EACH = 1000
GO = [sender for sender in SENDERS if sender.language == "go"]
QUICK = {"hold": {"probe_interval": "1s"}, "retry_on_failure": {"initial_interval": "200ms", "max_interval": "1s"}}


class BulkPeer(ABC):
    """The tests; a subclass says which server, in fixtures of its own."""

    kind: str

    @pytest.fixture
    @abstractmethod
    def cluster(self) -> Cluster:
        """The server, asked as somebody who may do everything."""

    @abstractmethod
    def exporter(self, cluster: Cluster) -> dict[str, Any]:
        """Settings that reach it."""

    def owner(self, cluster: Cluster) -> dict[str, Any]:
        """Settings of somebody who may set it up."""
        return self.exporter(cluster)

    def command(self, directory: Path, *words: str, **settings: Any) -> tuple[int, dict[str, Any]]:
        """A command of ours with an exporter in its configuration: exit code, and what it says of the exporter."""
        path = directory / f"{words[0]}.yaml"
        pipelines = {"logs": {"receivers": ["otlp"], "exporters": [self.kind]}}
        otlp = {"protocols": {"http": {"endpoint": f"127.0.0.1:{free_port()}"}}}
        path.write_text(
            yaml.safe_dump(
                {"receivers": {"otlp": otlp}, "exporters": {self.kind: settings}, "service": {"pipelines": pipelines}}
            )
        )
        argv = [sys.executable, "-m", "otelsiem", *words, "--config", str(path), "--json"]
        run = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert run.stdout, run.stderr
        (said,) = json.loads(run.stdout)["exporters"]
        return run.returncode, said

    @contextmanager
    def gateway(self, cluster: Cluster, directory: Path, **settings: Any) -> Iterator[Gateway]:
        """A gateway that delivers to it."""
        with Gateway(directory, {self.kind: {**self.exporter(cluster), **QUICK, **settings}}) as gateway:
            yield gateway

    # --- every record, once ----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("mode", ["ecs", "otel"])
    def test_p2_a_data_stream_gets_every_record_once_with_all_that_was_said(
        self, cluster: Cluster, needs: Callable[[Artefact], None], tmp_path: Path, mode: str
    ) -> None:
        needs(GO_SENDER)
        stream = {"dataset": "peer.fields", "namespace": mode}
        template(cluster, f"peer-fields-{mode}", f"logs-peer.fields*-{mode}", stream=True)
        with self.gateway(cluster, tmp_path, data_stream=stream, mapping={"mode": mode}) as gateway:
            for sender in GO:
                port = gateway.grpc if sender.transport == "grpc" else gateway.http
                sender.send(port, EACH, tmp_path / f"{sender.service}.log")
            gateway.delivered(self.kind, len(GO) * EACH)
            gateway.adds_up(self.kind)
        hits = cluster.documents(f"logs-peer.fields*-{mode}")
        assert all(hit["_index"].startswith(".ds-logs-peer.fields") for hit in hits)
        read = of_ecs if mode == "ecs" else of_otel
        found = {(seen.resource["service.name"], number(seen)): seen for seen in [read(hit["_source"]) for hit in hits]}
        assert len(hits) == len(found) == len(GO) * EACH
        for sender in GO:
            for n in range(EACH):
                wanted = expected(sender.service, n)
                assert found[sender.service, n] == (plain(wanted) if mode == "ecs" else wanted)

    def test_p2_a_record_that_is_sent_again_is_there_once(self, cluster: Cluster, tmp_path: Path) -> None:
        """The server answers 409 for what it has: delivered, counted each time that somebody sent it to us."""
        events = [Event(attributes={"audit.record.id": f"chosen-{n}", "user.id": f"u-{n}"}) for n in range(50)]
        with self.gateway(cluster, tmp_path, index="peer-again") as gateway:
            for times in (1, 2, 3):
                emit(gateway.http, events)
                gateway.delivered(self.kind, times * len(events))
            gateway.adds_up(self.kind)
            assert gateway.metric("siem_dead_letters") == gateway.metric("siem_retry_attempts_total") == 0
        users = [hit["_source"]["user"]["id"] for hit in cluster.documents("peer-again")]
        assert sorted(users) == sorted(f"u-{n}" for n in range(50))

    def test_p2_two_records_that_share_an_id_are_both_there(self, cluster: Cluster, tmp_path: Path) -> None:
        """Whoever numbers events by himself may begin anew: what they say decides whether they are the same."""
        with self.gateway(cluster, tmp_path, index="peer-shared-id") as gateway:
            emit(gateway.http, [Event(body=f"event {n}", attributes={"audit.record.id": "1"}) for n in range(10)])
            gateway.delivered(self.kind, 10)
        assert sorted(hit["_source"]["message"] for hit in cluster.documents("peer-shared-id")) == [
            f"event {n}" for n in range(10)
        ]

    def test_p2_killed_and_started_again_every_record_is_there_once(
        self, cluster: Cluster, needs: Callable[[Artefact], None], tmp_path: Path
    ) -> None:
        needs(GO_SENDER)
        count, rate = 3000, {"events_per_second": 500, "burst": 100}
        slow = {"index": "peer-killed", "max_request_bytes": 20_000, "rate_limit": rate}
        with self.gateway(cluster, tmp_path / "gateway", **slow) as gateway:
            GO[0].send(gateway.grpc, count, tmp_path / "sender.log")
            eventually(lambda: gateway.metric("siem_events_sent_total") > 100, 30, "some are delivered")
            gateway.process.send_signal(signal.SIGKILL)
            gateway.process.wait()
        before = cluster.count("peer-killed")
        assert 0 < before < count, "it was killed in the middle, or this test tests nothing"
        with self.gateway(cluster, tmp_path / "gateway", index="peer-killed") as gateway:
            eventually(lambda: gateway.metric("siem_queue_size", exporter=self.kind) == 0, 60, "all were delivered")
            gateway.adds_up(self.kind)
            assert gateway.metric("siem_events_sent_total", exporter=self.kind) == count
            assert gateway.metric("siem_dead_letters", exporter=self.kind) == 0
        assert sorted(number(of_ecs(hit["_source"])) for hit in cluster.documents("peer-killed")) == list(range(count))

    def test_a_node_that_is_down_costs_nothing_while_another_is_up(self, cluster: Cluster, tmp_path: Path) -> None:
        nodes = [cluster.url.replace(str(cluster.port), str(free_port())), cluster.url]
        settings = self.exporter(cluster) | QUICK | {"endpoints": nodes, "index": "peer-nodes"}
        del settings["endpoint"]
        with Gateway(tmp_path, {self.kind: settings}) as gateway:
            for n in range(5):
                emit(gateway.http, [Event(f"{n}")])
            gateway.delivered(self.kind, 5)
            assert gateway.metric("siem_hold", exporter=self.kind) == 0
        assert cluster.count("peer-nodes") == 5

    # --- what a person does first ----------------------------------------------------------------------------------

    def test_what_setup_installs_is_there_once_and_types_what_we_write(self, cluster: Cluster, tmp_path: Path) -> None:
        stream = {"dataset": "peer.setup", "namespace": self.kind}
        settings = self.owner(cluster) | {"data_stream": stream}
        for said in ("made", "there already"):
            code, done = self.command(tmp_path, "setup", **settings)
            assert code == 0, done
            (one,) = [step for step in done["prepared"] if "index template" in step["what"]]
            assert one["said"] == said
        index = f"logs-peer.setup-{self.kind}"
        odd = ["2026-01-01", "no date", "5", "x" * 40_000, "", "🦀 é"]
        events = [
            Event(f"login {n}", {"user.id": f"u-{n}", "client.address": "203.0.113.9", "odd": text, f"field.{n}": n})
            for n, text in enumerate(odd)
        ]
        events.append(Event("from nowhere", {"client.address": "not an address", "odd": {"deep": 1}}, severity=17))
        with self.gateway(cluster, tmp_path, data_stream=stream) as gateway:
            emit(gateway.http, events)
            gateway.delivered(self.kind, len(events))
            gateway.adds_up(self.kind)
        assert len(cluster.documents(index)) == len(events)
        (backing,) = {hit["_index"] for hit in cluster.documents(index)}
        assert backing.startswith(f".ds-{index}-")
        types = mapped(cluster, index, "@timestamp", "user.id", "source.ip", "event.severity", "message", "labels.odd")
        assert types == {
            "@timestamp": "date", "user.id": "keyword", "source.ip": "ip", "event.severity": "long",
            "message": "text", "labels.odd": "keyword",
        }  # fmt: skip
        assert finds(cluster, index, {"term": {"user.id": "u-3"}}) == ["login 3"]
        assert len(finds(cluster, index, {"term": {"source.ip": "203.0.113.0/24"}})) == len(odd)
        assert finds(cluster, index, {"range": {"event.severity": {"gte": 17}}}) == ["from nowhere"]
        assert finds(cluster, index, {"match": {"message": "nowhere"}}) == ["from nowhere"]
        assert finds(cluster, index, {"term": {"labels.odd": "2026-01-01"}}) == ["login 0"]

    def test_a_trial_reaches_it_signs_in_and_leaves_a_record(self, cluster: Cluster, tmp_path: Path) -> None:
        code, said = self.command(tmp_path, "test", **self.exporter(cluster), index="peer-trial")
        assert (code, said["ok"]) == (0, True), said
        (hit,) = cluster.documents("peer-trial")
        assert hit["_source"]["event"]["id"] == said["record"]

    def test_a_trial_of_a_port_where_nobody_listens_says_so(self, cluster: Cluster, tmp_path: Path) -> None:
        settings = self.exporter(cluster) | {"endpoint": f"http://127.0.0.1:{free_port()}"}
        code, said = self.command(tmp_path, "test", "--patience", "3", **settings, index="peer-trial")
        assert (code, said["ok"]) == (1, False)
        assert "connect" in said["steps"][-1]["said"], said

    # --- one bad record, one bad index -----------------------------------------------------------------------------

    def test_p4_a_record_that_does_not_fit_is_the_only_one_that_is_refused(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        template(cluster, "peer-misfit", "peer-misfit", {"user": {"properties": {"id": {"type": "long"}}}})
        users = ["7", "not a number", "8", "nor this", "9"]
        with self.gateway(cluster, tmp_path, index="peer-misfit") as gateway:
            emit(gateway.http, [Event(attributes={"user.id": user}) for user in users])
            eventually(lambda: gateway.metric("siem_queue_size") == 0, 30, "each has its fate")
            gateway.delivered(self.kind, 3)
            assert gateway.metric("siem_dead_letters", exporter=self.kind) == 2
            gateway.adds_up(self.kind)
            reason = gateway.get("/metrics")[1]
            assert "not a number" not in reason
        assert sorted(hit["_source"]["user"]["id"] for hit in cluster.documents("peer-misfit")) == ["7", "8", "9"]

    @pytest.mark.parametrize("block", ["write", "read_only_allow_delete"])
    def test_p3_an_index_that_is_blocked_holds_nobody_else(self, cluster: Cluster, tmp_path: Path, block: str) -> None:
        """Blocked for writing it answers 403 for each item, when the disk is nearly full 429."""
        name = f"peer-block-{block.replace('_', '-')}"
        cluster.do("PUT", f"/{name}-shut", {"settings": {"number_of_replicas": 0, f"index.blocks.{block}": True}})
        with self.gateway(cluster, tmp_path, index=f"{name}-{{tenant.id}}") as gateway:
            tenants = ("shut", "open", "open")  # fewer than it takes to suspect the address
            emit(gateway.http, [Event(f"{n}", {"tenant.id": tenants[n % 3]}) for n in range(30)])
            gateway.delivered(self.kind, 20)
            emit(gateway.http, [Event(f"{n}", {"tenant.id": "open"}) for n in range(30, 50)])
            gateway.delivered(self.kind, 40)
            assert gateway.metric("siem_queue_size", exporter=self.kind) == 10
            assert gateway.metric("siem_dead_letters", exporter=self.kind) == 0
            gateway.adds_up(self.kind)
            cluster.do("PUT", f"/{name}-shut/_settings", {f"index.blocks.{block}": None})
            gateway.delivered(self.kind, 50, 90)
            gateway.adds_up(self.kind)
        assert sorted(int(hit["_source"]["message"]) for hit in cluster.documents(f"{name}-shut")) == [*range(0, 30, 3)]
        assert cluster.count(f"{name}-open") == 40

    def test_p3_a_node_that_is_busy_is_asked_again(self, cluster: Cluster, tmp_path: Path) -> None:
        """Its memory for requests is full: 429 for the whole request, nothing of it is taken."""
        with self.gateway(cluster, tmp_path, index="peer-busy") as gateway:
            with occupied(cluster, "peer-occupied"):
                emit(gateway.http, [Event(f"{n} {'x' * 20_000}") for n in range(40)])
                eventually(lambda: gateway.metric("siem_retry_attempts_total") >= 3, 30, "it was refused")
                assert gateway.metric("siem_events_sent_total", exporter=self.kind) == 0
                assert gateway.metric("siem_hold", exporter=self.kind) == 0
            gateway.delivered(self.kind, 40)
            assert gateway.metric("siem_dead_letters", exporter=self.kind) == 0
            gateway.adds_up(self.kind)
        assert cluster.count("peer-busy") == 40

    def test_dates_in_a_name_are_those_of_the_events(self, cluster: Cluster, tmp_path: Path) -> None:
        day = 86_400 * 10**9
        with self.gateway(cluster, tmp_path, index="peer-dated-{tenant.id|nobody}-%Y.%m.%d") as gateway:
            emit(
                gateway.http, [Event(time=START + n * day // 2, attributes={"tenant.id": "Ölwerk/7"}) for n in range(4)]
            )
            emit(gateway.http, [Event()])
            gateway.delivered(self.kind, 5)
        names = {hit["_index"] for hit in cluster.documents("peer-dated-*")}
        assert names == {  # what no name may hold is _
            "peer-dated-ölwerk_7-2026.01.01", "peer-dated-ölwerk_7-2026.01.02", "peer-dated-nobody-2026.01.01",
        }  # fmt: skip
