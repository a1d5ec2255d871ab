"""A real OpenSearch 2.19 takes what we send, and what it refuses costs nothing that another could have taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.bulk_peer import BulkPeer
from tests.peers.cluster import Cluster
from tests.peers.emit import Event, emit
from tests.peers.opensearch import Opensearch
from tests.program import eventually

pytestmark = pytest.mark.peer


class TestOpensearch(BulkPeer):
    """Without authentication: its security plugin is not in the zip."""

    kind = "opensearch"

    @pytest.fixture
    def cluster(self, opensearch: Opensearch) -> Cluster:
        return opensearch.cluster

    def exporter(self, cluster: Cluster) -> dict[str, Any]:
        return {"endpoint": cluster.url}

    def test_p3_an_ingest_pipeline_that_is_missing_holds_until_it_is_there(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        with self.gateway(cluster, tmp_path, index="peer-pipeline", pipeline="peer") as gateway:
            emit(gateway.http, [Event()] * 2)
            eventually(lambda: gateway.metric("siem_hold", exporter=self.kind) > 0, 30, "the pipeline is not there")
            assert gateway.metric("siem_queue_size", exporter=self.kind) == 2
            assert gateway.metric("siem_dead_letters", exporter=self.kind) == 0
            assert "make the ingest pipeline" in gateway.log.read_text("utf-8")
            cluster.do("PUT", "/_ingest/pipeline/peer", {"processors": []})  # the zip brings no processors
            gateway.delivered(self.kind, 2)
            gateway.adds_up(self.kind)
        assert cluster.count("peer-pipeline") == 2
