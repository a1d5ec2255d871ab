"""Receivers of the Collector: the keys of `otlp` (configgrpc, confighttp), and the types that are not here."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, REFUSED, SAME, Row

GRPC, HTTP = "receivers.otlp.protocols.grpc", "receivers.otlp.protocols.http"
BOTH = "receivers.otlp.protocols.grpc|http"

_LATER = "not in this version; a proxy in front can do it"
_TUNED = "the receiver tunes its own connections"
_FRONT = "only OTLP is taken; run a Collector with this receiver and let it send OTLP here"

ROWS: tuple[Row, ...] = (
    Row(f"{GRPC}.endpoint|max_recv_msg_size_mib", SAME),
    Row(f"{GRPC}.transport", ACCEPTED, "leave it out", only="tcp"),
    Row(f"{GRPC}.dialer", ACCEPTED, "a receiver dials nobody"),
    Row(f"{GRPC}.read_buffer_size|write_buffer_size|keepalive", ACCEPTED, _TUNED),
    Row(f"{GRPC}.max_concurrent_streams", ACCEPTED, "intake is bounded in bytes by the journal"),
    Row(f"{GRPC}.middlewares", REFUSED, _LATER),
    Row(f"{HTTP}.endpoint|max_request_body_size", SAME),
    Row(f"{HTTP}.transport", ACCEPTED, "leave it out", only="tcp"),
    Row(f"{HTTP}.dialer", ACCEPTED, "a receiver dials nobody"),
    Row(f"{HTTP}.read_timeout|read_header_timeout|write_timeout|idle_timeout|keep_alives_enabled", ACCEPTED, _TUNED),
    Row(f"{HTTP}.traces_url_path|metrics_url_path", ACCEPTED, "only logs are taken"),
    Row(f"{HTTP}.logs_url_path", ACCEPTED, "a proxy in front can change the path", only="/v1/logs"),
    Row(f"{HTTP}.compression_algorithms", REFUSED, "leave it out: gzip, zstd, deflate and none are always taken"),
    Row(f"{HTTP}.response_headers", REFUSED, _LATER),
    Row(f"{HTTP}.cors", REFUSED, "browsers cannot send here directly; put a proxy in front"),
    Row(f"{HTTP}.middlewares", REFUSED, _LATER),
    Row(f"{BOTH}.include_metadata", SAME, "and more: `{peer: true, headers: [x-request-id]}`"),
    Row(f"{BOTH}.auth.authenticator", SAME),
    Row(f"{BOTH}.auth.request_params", REFUSED, "no authenticator reads the address of a request"),
    Row(f"{BOTH}.tls.cert_file|key_file|client_ca_file|min_version|reload_interval", SAME),
    Row(f"{BOTH}.tls.client_ca_file_reload", ACCEPTED, "every file is read again when it changes"),
    Row(f"{BOTH}.tls.cert_pem|key_pem|ca_pem", REFUSED, "write it into a file and name that"),
    Row(f"{BOTH}.tls.ca_file", REFUSED, "whose senders may come in is client_ca_file"),
    Row(
        f"{BOTH}.tls.max_version|cipher_suites|include_insecure_cipher_suites|curve_preferences|tpm"
        "|include_system_ca_certs_pool",
        REFUSED,
        "leave it out: TLS 1.2 and 1.3 with the ciphers of OpenSSL and BoringSSL",
    ),
    Row("receivers.otel_arrow", REFUSED, "let senders speak plain OTLP to `otlp`"),
    Row(
        "receivers.file_log|journald|syslog|tcp_log|udp_log|named_pipe|windows_event_log|fluent_forward|webhook_event"
        "|splunk_hec|kafka|loki|sqlquery|k8s_events|k8s_objects|aws_cloudwatch|aws_firehose|aws_s3|azure_event_hub"
        "|azure_blob|google_cloud_pubsub|cloudflare|cloudfoundry|github|otlp_json_file|pulsar|rabbitmq|solace|datadog"
        "|mongodb_atlas|netflow|nsxt|libhoney|receiver_creator",
        REFUSED,
        _FRONT,
    ),
    Row(
        "receivers.host_metrics|prometheus|prometheus_simple|statsd|collectd|carbon|docker_stats|podman_stats"
        "|kubelet_stats|k8s_cluster|kafka_metrics|signalfx|influxdb|wavefront|redis|postgresql|mysql|mongodb|oracledb"
        "|sqlserver|memcached|nginx|apache|haproxy|iis|jmx|elasticsearch|http_check|tcpcheck|tlscheck|snmp|vcenter"
        "|windows_perf_counters|splunk_enterprise|filestats|aws_container_insight_receiver|aws_ecs_container_metrics",
        REFUSED,
        "metrics do not travel here; leave it to a Collector of its own",
    ),
    Row(
        "receivers.jaeger|zipkin|opencensus|sapm|skywalking|aws_xray",
        REFUSED,
        "traces do not travel here; leave it to a Collector of its own",
    ),
    Row("receivers.nop", REFUSED, "leave it out: a pipeline needs a receiver that takes records"),
)
