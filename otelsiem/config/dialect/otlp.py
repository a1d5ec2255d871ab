"""Keys of the Collector's `otlp` exporter (configgrpc), which newer Collectors also call `otlp_grpc`."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row
from otelsiem.destinations._settings import REFUSED as REFUSED_IN_TLS

OTLP = "exporters.otlp|otlp_grpc"

ROWS: tuple[Row, ...] = (
    Row("exporters.otlp_grpc", MAPPED, "the same exporter", to="otlp"),
    Row(f"{OTLP}.endpoint|headers|timeout|authority", SAME),
    Row(f"{OTLP}.compression", SAME, "gzip or none"),
    Row(f"{OTLP}.balancer_name", SAME, "round_robin or pick_first"),
    Row(f"{OTLP}.keepalive.time|timeout|permit_without_stream", SAME, "no pings unless the block is there"),
    Row(f"{OTLP}.read_buffer_size|write_buffer_size", ACCEPTED, "the exporter tunes its own connections"),
    Row(f"{OTLP}.wait_for_ready", ACCEPTED, "the journal waits; a request that cannot go is tried again"),
    Row(f"{OTLP}.auth", REFUSED, 'write headers: {authorization: "Bearer ${env:TOKEN}"}'),
    Row(f"{OTLP}.middlewares", REFUSED, "not in this version; put a proxy between"),
    Row(f"{OTLP}.tls.ca_file|cert_file|key_file|server_name_override|insecure", SAME),
    Row(f"{OTLP}.tls.min_version", SAME, "1.2 only: gRPC takes no lower limit"),
    Row(f"{OTLP}.tls.insecure_skip_verify", SAME, "false only: gRPC verifies always"),
    Row(f"{OTLP}.tls.reload_interval", ACCEPTED, "files are read again when they change"),
    *(Row(f"{OTLP}.tls.{key}", REFUSED, why) for key, why in REFUSED_IN_TLS.items()),
)
