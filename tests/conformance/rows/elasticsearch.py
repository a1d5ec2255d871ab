"""Elasticsearch in the conformance table."""

from __future__ import annotations

import json
from itertools import product

from otelsiem.destinations.elasticsearch import Elasticsearch
from tests.conformance.row import Row

SECRET = "planted-secret-0001"  # one text in every place that a secret may have, a place in each configuration

_FLOOD = "index [audit] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has …];"
ITEMS: tuple[tuple[int, str, str], ...] = (
    (201, "", ""),
    (409, "version_conflict_engine_exception", "[1]: version conflict, document already exists"),
    (429, "es_rejected_execution_exception", "rejected execution of coordinating operation"),
    (429, "cluster_block_exception", _FLOOD),
    (403, "cluster_block_exception", "index [audit] blocked by: [FORBIDDEN/8/index write (api)];"),
    (403, "security_exception", "action [indices:data/write/bulk[s]] is unauthorized for API key id [x]"),
    (404, "index_not_found_exception", "no such index [audit]"),
    (400, "document_parsing_exception", "[1:20] failed to parse field [source.ip] of type [ip]"),
    (400, "illegal_argument_exception", "pipeline with id [x] does not exist"),
    (400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded"),
    (500, "ingest_processor_exception", "it broke"),
    (503, "unavailable_shards_exception", "primary shard is not active"),
    (0, "", ""),
    (302, "", ""),
)  # fmt: skip


def item(status: int, kind: str, reason: str, **more: object) -> dict[str, object]:
    error = {"error": {"type": kind, "reason": reason}} if kind else {}
    return {"create": {"_index": "audit", "_id": "1", "status": status, **error, **more}}


def answer(*items: dict[str, object]) -> bytes:
    return json.dumps({"took": 3, "errors": True, "items": items}).encode()


def failed(status: int, kind: str, reason: str) -> bytes:
    return json.dumps({"error": {"root_cause": [], "type": kind, "reason": reason}, "status": status}).encode()


# The sample makes payloads of these sizes; answers of any other length are for the reader to see through.
SIZES = (1, 2, 3, 40, 45, 46)
BULK_BODIES = (
    *(answer(*[item(*one)] * size) for one, size in product(ITEMS, SIZES)),
    *(answer(*[item(*ITEMS[n % len(ITEMS)]) for n in range(size)]) for size in SIZES),
    *(answer(*[item(201, "", "", failure_store="used")] * size) for size in SIZES),
    *(answer(*[item(200, "", "", result="noop")] * size) for size in SIZES),
    *(failed(*one) for one in ITEMS if one[1]),
    b'{"error":"no handler found for uri [/x/_bulk] and method [POST]"}',
    failed(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]"),
    b'{"error":{"type":"parse_exception","reason":"request body is required"},"status":400}',
    b'{"version":{"number":"8.19.0","distribution":"opensearch"},"tagline":"The OpenSearch Project"}',
    b'{"has_all_requested":false,"index":{"audit":{"create_doc":false}}}',
    b'{"has_all_requested":true}',
    b'{"Message":"User: anonymous is not authorized to perform: es:ESHttpPost"}',
    b'{"items":[{}]}',
    b'{"items":[{"create":{"status":true}}]}',
    b'{"items":[{"create":{"status":400,"error":"words alone"}}]}',
)  # fmt: skip


def elasticsearch(**settings: object) -> Elasticsearch:
    return Elasticsearch.model_validate({"endpoint": "https://es.example.com:9200", **settings})


ROW = Row(
    (
        elasticsearch(api_key=f"plantedId000:{SECRET}"),
        elasticsearch(user="gw", password=SECRET, mapping={"mode": "otel"}, compression="none"),
        elasticsearch(
            bearer_token=SECRET, index="audit-{tenant.id}-%Y.%m.%d", max_request_bytes=4096, max_event_bytes=500_000
        ),
        elasticsearch(
            user="gw", password=SECRET, endpoint=None, endpoints=[f"https://es-{n}.example.com" for n in range(3)],
            logstash_format={"enabled": True}, pipeline="geo ip",
        ),
        elasticsearch(
            headers={"X-Proxy-Key": SECRET}, data_stream={"dataset": "{service.name}", "namespace": "{tenant.id}"},
            max_request_bytes=2000,
        ),
    ),
    (SECRET,),
    BULK_BODIES,
)  # fmt: skip
