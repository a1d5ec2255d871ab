"""Keys of the Collector's `datadog` exporter."""

from __future__ import annotations

from otelsiem.config.dialect import http
from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row

DATADOG = "exporters.datadog"

ROWS: tuple[Row, ...] = (
    Row(f"{DATADOG}.api.key|site", SAME),
    Row(f"{DATADOG}.api.fail_on_invalid_key", ACCEPTED,
        "a key that is not accepted holds, keeps every record and is told; `otelsiem test` asks before the start"),
    Row(f"{DATADOG}.hostname", SAME, "for events whose resource names no host"),
    Row(f"{DATADOG}.endpoint", SAME, "where the Collector has logs.endpoint"),
    Row(f"{DATADOG}.compression", SAME, "gzip or none"),
    *http.client(DATADOG),
    Row(f"{DATADOG}.auth", REFUSED, "Datadog knows its senders by `api.key`; other headers go into `headers`"),
    Row(f"{DATADOG}.logs", MAPPED, "key by key", to="endpoint, compression"),
    Row(f"{DATADOG}.logs.endpoint", MAPPED, to="endpoint"),
    Row(f"{DATADOG}.logs.use_compression", MAPPED, to="compression"),
    Row(f"{DATADOG}.logs.compression_level|dialer", ACCEPTED, "the exporter tunes its own connections"),
    Row(f"{DATADOG}.logs.batch_wait", ACCEPTED, "write sending_queue: {batch: {flush_timeout: …}}"),
    Row(f"{DATADOG}.host_metadata.tags", REFUSED, "write `tags`: they go on every event"),
    Row(f"{DATADOG}.host_metadata|hostname_detection_timeout", ACCEPTED, "events are sent, nothing about hosts"),
    Row(f"{DATADOG}.only_metadata", ACCEPTED, "events are sent, nothing about hosts", only="false"),
    Row(f"{DATADOG}.metrics|traces|orchestrator_explorer", ACCEPTED, "only logs are sent"),
)  # fmt: skip
