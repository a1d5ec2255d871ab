"""Keys of the Collector's `elasticsearch` exporter."""

from __future__ import annotations

from otelsiem.config.dialect import http
from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row

ES = "exporters.elasticsearch"

ROWS: tuple[Row, ...] = (
    Row(f"{ES}.endpoint|endpoints|cloudid", SAME, "one of them; the environment names none"),
    Row(f"{ES}.user|password|api_key", SAME),
    Row(f"{ES}.auth", REFUSED, "write user and password, api_key or bearer_token"),
    Row(f"{ES}.compression", SAME, "gzip or none"),
    Row(f"{ES}.pipeline", SAME),
    Row(f"{ES}.logs_index", MAPPED, to="index"),
    Row(f"{ES}.logstash_format.enabled|prefix_separator|date_format", SAME, "the date is the event's own"),
    Row(f"{ES}.mapping.mode", SAME, "ecs or otel; ecs unless set (there it is otel)"),
    Row(f"{ES}.mapping.allowed_modes", ACCEPTED, "senders choose no mapping: it is what mapping.mode says"),
    *http.client(ES),
    Row(f"{ES}.logs_dynamic_index", ACCEPTED,
        'write data_stream: {dataset: "{data_stream.dataset|generic}"}, or index with fields'),
    Row(f"{ES}.logs_dynamic_id.enabled", ACCEPTED, "send the id as the attribute audit.record.id", only="false"),
    Row(f"{ES}.logs_dynamic_pipeline.enabled", ACCEPTED, "write `pipeline`, or an exporter with `match` for each",
        only="false"),
    Row(f"{ES}.logs_dynamic_id|logs_dynamic_pipeline", REFUSED, "it has no other key than `enabled`"),
    Row(f"{ES}.metrics_index|metrics_dynamic_index|traces_index|traces_dynamic_index", ACCEPTED, "only logs are sent"),
    Row(f"{ES}.num_workers", ACCEPTED, "write sending_queue: {num_consumers: …}"),
    Row(f"{ES}.flush", ACCEPTED, "write sending_queue: {batch: {flush_timeout: …}} and max_request_bytes"),
    Row(f"{ES}.retry", ACCEPTED, "it is asked again until it takes them; the intervals are in retry_on_failure"),
    Row(f"{ES}.discover", ACCEPTED, "nodes are not looked for: write them into `endpoints`"),
    Row(f"{ES}.include_source_on_error", ACCEPTED, "a reason never shows what is in a record"),
    Row(f"{ES}.metadata_keys", ACCEPTED, "each index gets requests of its own"),
    Row(f"{ES}.telemetry", ACCEPTED, "metrics are at http://<service.admin.endpoint>/metrics"),
    Row(f"{ES}.batcher", REFUSED, "write sending_queue: {batch: {max_size: …, flush_timeout: …}}"),
)  # fmt: skip
