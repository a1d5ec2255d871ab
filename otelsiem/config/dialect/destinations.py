"""Keys of the Collector's `splunk_hec` and `file` exporters, and of the HTTP client below the first (confighttp)."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row
from otelsiem.destinations._settings import REFUSED as REFUSED_IN_TLS

HEC, FILE = "exporters.splunk_hec", "exporters.file"

_TUNED = "the exporter tunes its own connections"
_HTTP1 = "HTTP/1.1 is spoken: every service here understands it"
_LB = "where acknowledgements need it, the cookie of a load balancer is returned"

ROWS: tuple[Row, ...] = (
    Row(f"{HEC}.endpoint|token|source|sourcetype|index|timeout|headers|proxy_url", SAME),
    Row(f"{HEC}.health_check_enabled|health_path", SAME),
    Row(f"{HEC}.compression", SAME, "gzip or none"),
    Row(f"{HEC}.max_conns_per_host|max_idle_conns|idle_conn_timeout|disable_keep_alives", SAME),
    Row(f"{HEC}.max_idle_conns_per_host", MAPPED, to="max_idle_conns"),
    Row(f"{HEC}.max_connections", ACCEPTED, "write max_conns_per_host"),
    Row(f"{HEC}.compression_params|read_buffer_size|write_buffer_size", ACCEPTED, _TUNED),
    Row(f"{HEC}.http2_read_idle_timeout|http2_ping_timeout|force_attempt_http2", ACCEPTED, _HTTP1),
    Row(f"{HEC}.cookies", ACCEPTED, _LB),
    Row(f"{HEC}.auth", REFUSED, "HEC knows its senders by `token`; other headers go into `headers`"),
    Row(f"{HEC}.middlewares", REFUSED, "not in this version; put a proxy between"),
    Row(f"{HEC}.tls.ca_file|cert_file|key_file|insecure_skip_verify|min_version|server_name_override", SAME),
    Row(f"{HEC}.tls.reload_interval", ACCEPTED, "files are read again when they change"),
    Row(f"{HEC}.tls.insecure", REFUSED, "write http:// in the endpoint"),
    *(Row(f"{HEC}.tls.{key}", REFUSED, why) for key, why in REFUSED_IN_TLS.items()),
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
    Row(f"{FILE}.path", SAME),
    Row(f"{FILE}.format", SAME, "json: one normalised event a line, not OTLP"),
    Row(f"{FILE}.rotation.max_megabytes", SAME),
    Row(f"{FILE}.rotation.max_backups", SAME, "0, the default, keeps all of them; the Collector keeps 100"),
    Row(f"{FILE}.rotation.max_days", MAPPED, "it begins a new file and deletes none", to="rotation.max_age"),
    Row(f"{FILE}.rotation.localtime", ACCEPTED, "the names of rotated files are in UTC"),
    Row(f"{FILE}.append", ACCEPTED, "it always appends"),
    Row(f"{FILE}.flush_interval", ACCEPTED, "a batch counts as written when it is on the disk"),
    Row(f"{FILE}.create_directory|directory_permissions", ACCEPTED, "a missing directory is made, mode 0750"),
    Row(f"{FILE}.compression|compression_params", REFUSED, "write rotation: {compression: gzip}"),
    Row(f"{FILE}.encoding", REFUSED, "it writes JSON lines"),
    Row(f"{FILE}.group_by", REFUSED, "not in this version; use several file exporters, each with its `match`"),
)  # fmt: skip
