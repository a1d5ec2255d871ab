"""Keys of the Collector's `splunk_hec` exporter."""

from __future__ import annotations

from otelsiem.config.dialect import http
from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row

HEC = "exporters.splunk_hec"

ROWS: tuple[Row, ...] = (
    Row(f"{HEC}.endpoint|token|source|sourcetype|index", SAME),
    Row(f"{HEC}.health_check_enabled|health_path", SAME),
    Row(f"{HEC}.compression", SAME, "gzip or none"),
    *http.client(HEC),
    Row(f"{HEC}.max_connections", ACCEPTED, "write max_conns_per_host"),
    Row(f"{HEC}.auth", REFUSED, "HEC knows its senders by `token`; other headers go into `headers`"),
    Row(f"{HEC}.ca_file|cert_file|key_file|insecure_skip_verify", REFUSED, "write it under `tls`"),
    Row(f"{HEC}.disable_compression", MAPPED, to="compression: none"),
    Row(f"{HEC}.max_content_length_logs", MAPPED, "never over 2 MiB", to="max_request_bytes"),
    Row(f"{HEC}.max_event_size", MAPPED, "a larger event becomes a dead letter", to="max_event_bytes"),
    Row(f"{HEC}.max_content_length_metrics|max_content_length_traces|use_multi_metric_format|profiling_data_enabled",
        ACCEPTED, "only logs are sent"),
    Row(f"{HEC}.log_data_enabled", ACCEPTED, "logs are all there is; take the exporter out of the pipeline instead",
        only="true"),
    Row(f"{HEC}.splunk_app_name|splunk_app_version", ACCEPTED, "the User-Agent says otelsiem and its version"),
    Row(f"{HEC}.heartbeat", ACCEPTED, "none is sent; siem_health_status says how it is"),
    Row(f"{HEC}.telemetry", ACCEPTED, "metrics are at http://<service.admin.endpoint>/metrics"),
    Row(f"{HEC}.export_raw", ACCEPTED, "records are sent as events, never to the raw endpoint", only="false"),
    Row(f"{HEC}.otel_attrs_to_hec_metadata|hec_metadata_to_otel_attrs", REFUSED,
        'write the attribute as a template, for example index: "{com.splunk.index}"'),
    Row(f"{HEC}.otel_to_hec_fields", REFUSED, "leave it out: the event says severity and severity_number"),
    Row(f"{HEC}.batcher", REFUSED, "write sending_queue: {batch: {max_size: …, flush_timeout: …}}"),
)  # fmt: skip
