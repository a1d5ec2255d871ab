"""Keys of the Collector's `otlp_http` exporter (`otlphttp`)."""

from __future__ import annotations

from otelsiem.config.dialect import http
from otelsiem.config.dialect.row import ACCEPTED, REFUSED, SAME, Row

OTLP_HTTP = "exporters.otlp_http"

ROWS: tuple[Row, ...] = (
    Row(f"{OTLP_HTTP}.endpoint|logs_endpoint|encoding", SAME),
    Row(f"{OTLP_HTTP}.compression", SAME, "gzip, zstd or none"),
    *http.client(OTLP_HTTP),
    Row(f"{OTLP_HTTP}.traces_endpoint|metrics_endpoint|profiles_endpoint", ACCEPTED, "only logs are sent"),
    Row(f"{OTLP_HTTP}.auth", REFUSED, 'write headers: {Authorization: "Bearer ${env:TOKEN}"}'),
)
