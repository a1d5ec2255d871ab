"""Keys of the Collector's `opensearch` exporter, which keeps those of its HTTP client in a block `http`."""

from __future__ import annotations

from otelsiem.config.dialect import http
from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row

OS = "exporters.opensearch"

_SETUP = "`otelsiem setup` installs a template and a policy of ours; others are left alone"
_FIELDS = "write mapping: {mode: ecs} or {mode: otel}: both place every attribute"

ROWS: tuple[Row, ...] = (
    Row(f"{OS}.timeout|pipeline", SAME),
    Row(f"{OS}.mapping.mode", SAME, "ecs or otel; ecs unless set (there it is ss4o)"),
    Row(f"{OS}.mapping.fields|file|timestamp_field", REFUSED, _FIELDS),
    Row(f"{OS}.mapping.unix_timestamp", ACCEPTED, "times are RFC 3339 with nanoseconds", only="false"),
    Row(f"{OS}.mapping.dedup|dedot", ACCEPTED, "no two fields of a document collide"),
    Row(f"{OS}.mapping.manage_index_template", ACCEPTED, _SETUP, only="false"),
    Row(f"{OS}.mapping.index_template_file|ism", REFUSED, _SETUP),
    Row(f"{OS}.http", MAPPED, to="its keys, without the block"),
    *[row for row in http.client(f"{OS}.http") if row.verdict in {ACCEPTED, REFUSED}],
    Row(f"{OS}.http.auth", REFUSED, "write user and password, bearer_token, or auth: {sigv4: {region: …}}"),
    Row(f"{OS}.dataset", MAPPED, to="data_stream.dataset"),
    Row(f"{OS}.namespace", MAPPED, to="data_stream.namespace"),
    Row(f"{OS}.logs_index", MAPPED, "%{service.name} is written {service.name} here", to="index"),
    Row(f"{OS}.logs_index_fallback", REFUSED, "write index: audit-{service.name|fallback}"),
    Row(f"{OS}.logs_index_time_format", REFUSED, "write the date into index: audit-%Y.%m.%d"),
    Row(f"{OS}.metrics_index|metrics_index_fallback|metrics_index_time_format"
        "|traces_index|traces_index_fallback|traces_index_time_format", ACCEPTED, "only logs are sent"),
    Row(f"{OS}.bulk_action", ACCEPTED, "records are created, never overwritten", only="create"),
)  # fmt: skip
