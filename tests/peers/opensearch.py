"""A real OpenSearch, without its security plugin: one node with a small heap, shared by the tests of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.peers.artefacts import OPENSEARCH
from tests.peers.cluster import Cluster
from tests.peers.elasticsearch import JAVA, PRESSURE, java
from tests.peers.shared import SharedServer
from tests.program import free_port

RELATIVE = ("Xlog:gc", "ErrorFile", "HeapDump", "UseG1GC", "G1ReservePercent", "InitiatingHeap")  # paths, another GC


class Opensearch(SharedServer):
    """The server."""

    artefact = OPENSEARCH

    def prepare(self, run: Path, home: Path) -> dict[str, Any]:
        port, transport = free_port(), free_port()
        config = run / "config"
        (run / "tmp").mkdir()
        config.mkdir()
        (config / "log4j2.properties").write_bytes((home / "config" / "log4j2.properties").read_bytes())
        options = (home / "config" / "jvm.options").read_text().splitlines()
        (config / "jvm.options").write_text("\n".join(o for o in options if not any(r in o for r in RELATIVE)))
        (config / "opensearch.yml").write_text(
            f"""
cluster.name: peers
node.name: peer
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport}
path.data: {run}/data
path.logs: {run}/logs
cluster.routing.allocation.disk.threshold_enabled: false
indexing_pressure.memory.limit: {PRESSURE}b
"""
        )
        return {"port": port}

    def command(self, run: Path, home: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        env = {"PATH_CONF": str(run / "config"), "TMPDIR": str(run / "tmp"), "JAVA_OPTS": JAVA}
        mine = {f"OPENSEARCH_{name}": value for name, value in env.items()} | java("OPENSEARCH")
        return [str(home / "bin" / "opensearch"), "-p", str(run / "pid")], mine

    def answers(self) -> bool:
        return self.cluster.well()

    @cached_property
    def cluster(self) -> Cluster:
        """Asked as anybody."""
        return Cluster(self.state["port"])
