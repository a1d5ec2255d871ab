"""What a person at the other end would ask an Elasticsearch or OpenSearch: settings, searches, documents."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.program import eventually

Document = dict[str, Any]


def basic(user: str, password: str) -> str:
    """The value of the Authorization header."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


class Cluster:
    """One node on a loopback port, asked as its administrator."""

    def __init__(self, port: int, authorization: str = "", ca_file: str = "") -> None:
        self.port = port
        self.authorization = authorization
        self.ca_file = ca_file
        self._context = ssl.create_default_context(cafile=ca_file) if ca_file else None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.ca_file else 'http'}://127.0.0.1:{self.port}"

    def call(
        self, method: str, path: str, body: Any = None, *, authorization: str | None = None, seconds: float = 30
    ) -> tuple[int, Any]:
        """Status and JSON of the answer. A list as body is sent as lines of JSON. Raises OSError."""
        lines = "".join(json.dumps(line) + "\n" for line in body) if isinstance(body, list) else None
        data = lines if lines is not None else json.dumps(body) if body is not None else None
        headers = {"Content-Type": "application/x-ndjson" if lines is not None else "application/json"}
        known = self.authorization if authorization is None else authorization
        if self._context is not None:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=seconds, context=self._context
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, data, headers | ({"Authorization": known} if known else {}))
            reply = connection.getresponse()
            text = reply.read()
            return reply.status, json.loads(text) if text else None
        finally:
            connection.close()

    def do(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a success."""
        status, said = self.call(method, path, body)
        assert 200 <= status < 300, (status, said)
        return said

    def well(self) -> bool:
        """Whether it takes work."""
        try:
            status, said = self.call("GET", "/_cluster/health", seconds=5)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return status == 200 and said["status"] in ("green", "yellow")

    def documents(self, index: str) -> Sequence[Document]:
        """All of an index, with `_id` and `_index` beside `_source`."""
        self.do("POST", f"/{index}/_refresh")
        found = self.do("POST", f"/{index}/_search", {"size": 10_000, "query": {"match_all": {}}})["hits"]
        assert len(found["hits"]) == found["total"]["value"], "more than one page"
        hits: list[Document] = found["hits"]
        return hits

    def count(self, index: str) -> int:
        """How many documents it has."""
        self.do("POST", f"/{index}/_refresh")
        return int(self.do("GET", f"/{index}/_count")["count"])


def template(
    cluster: Cluster, name: str, pattern: str, properties: dict[str, Any] | None = None, *, stream: bool = False
) -> None:
    """An index template as an operator would write it."""
    body: dict[str, Any] = {"index_patterns": [pattern], "priority": 500, **({"data_stream": {}} if stream else {})}
    mappings = {"properties": {"@timestamp": {"type": "date_nanos"}, **(properties or {})}}
    body["template"] = {"settings": {"number_of_replicas": 0}, "mappings": mappings}
    cluster.do("PUT", f"/_index_template/{name}", body)


def mapped(cluster: Cluster, index: str, *names: str) -> dict[str, str]:
    """The types that fields have in it."""
    (found,) = cluster.do("GET", f"/{index}/_mapping/field/{','.join(names)}").values()
    return {name: kind["type"] for name, field in found["mappings"].items() for kind in field["mapping"].values()}


def finds(cluster: Cluster, index: str, query: dict[str, Any]) -> list[str]:
    """The messages of what a search finds."""
    hits = cluster.do("POST", f"/{index}/_search", {"query": query})["hits"]["hits"]
    return [hit["_source"]["message"] for hit in hits]


@contextmanager
def occupied(cluster: Cluster, index: str) -> Iterator[None]:
    """Most of the memory for bulk requests is in use: a request waits for a second copy that no node can hold."""
    cluster.do("PUT", f"/{index}", {"settings": {"number_of_replicas": 1}})
    lines = [part for n in range(90) for part in ({"create": {"_id": f"{n}"}}, {"m": "x" * 20_000})]
    path = f"/{index}/_bulk?wait_for_active_shards=2&timeout=2m"
    waiting = threading.Thread(target=lambda: cluster.call("POST", path, lines, seconds=180), daemon=True)

    def full() -> bool:
        if not waiting.is_alive():
            return False
        (node,) = cluster.do("GET", "/_nodes/stats/indexing_pressure")["nodes"].values()
        return bool(node["indexing_pressure"]["memory"]["current"]["all_in_bytes"] > 1_500_000)

    waiting.start()
    try:
        eventually(full, 30, "a request is waiting")
        yield
    finally:
        cluster.do("DELETE", f"/{index}")  # ends it
        waiting.join(30)
