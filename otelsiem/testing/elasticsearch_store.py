"""What a cluster keeps: indices, data streams with their backing indices, pipelines, failure stores, full disks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from otelsiem.testing import elasticsearch_words as words
from otelsiem.testing.elasticsearch_bulk import Action
from otelsiem.testing.elasticsearch_index import Index, Stored, misnamed
from otelsiem.testing.elasticsearch_words import Wrong, illegal

STREAMS = ("logs-*-*", "metrics-*-*", "traces-*-*")  # Elasticsearch brings templates for these


class Store:
    """The state. `patterns` says which names become data streams; OpenSearch knows none by itself."""

    def __init__(self, *, opensearch: bool = False) -> None:
        self.opensearch = opensearch
        self.streams: list[str] = [] if opensearch else list(STREAMS)
        self.strict: list[str] = []  # patterns of indices whose template says date_detection: false
        self.auto_create = True
        self.failure_store = False
        self.full = False  # flood stage: everything is refused until there is room
        self.pipelines: dict[str, str] = {}  # name: what it does with a document, "keep" or "drop"
        self.limit = 1000  # fields of an index
        self.max_shards = 0  # 0: no limit
        self.indices: dict[str, Index] = {}
        self.write: dict[str, str] = {}  # data stream: its write index
        self.documents: list[Stored] = []
        self.failures: list[Stored] = []
        self.dropped: list[Stored] = []
        self._rollovers: dict[str, int] = {}

    def is_stream(self, name: str) -> bool:
        return name in self.write or any(fnmatchcase(name, pattern) for pattern in self.streams)

    def rollover(self, name: str) -> None:
        """A new write index: what the ones before hold is not looked at for conflicts any more."""
        self.write[name] = self._backing(name)

    def block(self, name: str, *, blocked: bool = True) -> None:
        """A write block on what this name leads to."""
        self.indices[self.write.get(name, name)].blocked = blocked

    def take(self, action: Action, query: Mapping[str, str], wrong: Wrong | None) -> dict[str, Any]:
        """The item of one action; `wrong` is what is wrong before it is looked at."""
        id_ = action.id or uuid.uuid4().hex[:20]
        target = wrong or self._target(action.index, query)
        if isinstance(target, Wrong):
            return _failed(action.index, id_, target)
        return self._index(target, action, id_, query)

    def _target(self, name: str, query: Mapping[str, str]) -> Index | Wrong:
        if bad := misnamed(name):
            return bad
        if self.full:
            return words.flooded(name)
        stream = self.is_stream(name)
        if query.get("require_data_stream") == "true" and not stream:
            why = f" and [require_data_stream] request flag is [true] and [{name}] is not a data stream"
            return words.absent(name, why if name in self.indices else words.NO_STREAM)
        backing = self.write.get(name, name)
        if backing not in self.indices:
            if not self.auto_create:
                return words.absent(name)
            if self.max_shards and len(self.indices) >= self.max_shards:
                return words.crowded(len(self.indices), self.max_shards)
            backing = self._backing(name) if stream else self._made(name, name)
            if stream:
                self.write[name] = backing
        found = self.indices[backing]
        return words.blocked(backing) if found.blocked else found

    def _backing(self, name: str) -> str:
        self._rollovers[name] = self._rollovers.get(name, 0) + 1
        return self._made(f".ds-{name}-2026.01.01-{self._rollovers[name]:06}", name)

    def _made(self, backing: str, name: str) -> str:
        strict = any(fnmatchcase(name, pattern) for pattern in self.strict)
        otel = fnmatchcase(name, "logs-*.otel-*") and not self.opensearch
        self.indices[backing] = Index(backing, date_detection=not (strict or otel), limit=self.limit, otel=otel)
        return backing

    def _index(self, target: Index, action: Action, id_: str, query: Mapping[str, str]) -> dict[str, Any]:
        stream = self.is_stream(action.index)
        document = Stored(action.index, target.name, id_, action.source or {})
        if stream and action.op != "create":
            return _failed(
                target.name, id_, illegal("only write ops with an op_type of create are allowed in data streams")
            )
        pipeline = query.get("pipeline", "")
        if pipeline and pipeline not in self.pipelines:
            return _failed(action.index, id_, illegal(f"pipeline with id [{pipeline}] does not exist"))
        if self.pipelines.get(pipeline) == "drop":
            self.dropped.append(document)
            return {"_index": action.index, "_id": id_, "_version": -3, "result": "noop", "status": 200,
                    "_shards": {"total": 0, "successful": 0, "failed": 0}}  # fmt: skip
        if wrong := self._unparsable(target, action, stream=stream):
            if self.failure_store and stream:
                self.failures.append(document)
                backing = f".fs-{action.index}-2026.01.01-000002"
                return {**_created(backing, id_), "failure_store": "used"}
            return _failed(target.name, id_, wrong)
        if action.op == "create" and id_ in target.documents:  # looked at after the document, as the real ones do
            return _failed(target.name, id_, words.conflict(id_, opensearch=self.opensearch))
        if id_ in target.documents:
            self.documents.remove(target.documents[id_])
        target.documents[id_] = document
        self.documents.append(document)
        return _created(target.name, id_)

    def _unparsable(self, target: Index, action: Action, *, stream: bool) -> Wrong | None:
        if action.source is None:
            return words.mapping("failed to parse", opensearch=self.opensearch)
        if stream and "@timestamp" not in action.source:
            missing = "data stream timestamp field [@timestamp] is missing"
            return words.mapping(missing, opensearch=self.opensearch)
        return target.parse(action.source, opensearch=self.opensearch)


def _created(index: str, id_: str) -> dict[str, Any]:
    return {
        "_index": index, "_id": id_, "_version": 1, "result": "created",
        "_shards": {"total": 2, "successful": 1, "failed": 0}, "_seq_no": 0, "_primary_term": 1, "status": 201,
    }  # fmt: skip


def _failed(index: str, id_: str, wrong: Wrong) -> dict[str, Any]:
    error = {"type": wrong.kind, "reason": wrong.reason}
    return {"_index": index, "_id": id_, "status": wrong.status, "error": error}
