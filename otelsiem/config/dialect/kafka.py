"""Keys of the Collector's `kafka` exporter (configkafka)."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row
from otelsiem.destinations._settings import REFUSED as REFUSED_IN_TLS

KAFKA = "exporters.kafka"

_TEMPLATE = 'write a template, for example topic: "audit-{tenant.id}"'

ROWS: tuple[Row, ...] = (
    Row(f"{KAFKA}.brokers|client_id|topic|resolve_canonical_bootstrap_servers_only", SAME),
    Row(f"{KAFKA}.timeout", SAME, "60 s: until a message has arrived, the client's own retries included"),
    Row(f"{KAFKA}.encoding", MAPPED, "raw, which loses every attribute, is refused", to="format"),
    Row(f"{KAFKA}.logs.topic", MAPPED, to="topic"),
    Row(f"{KAFKA}.logs.encoding", MAPPED, to="format"),
    Row(f"{KAFKA}.logs.topic_from_metadata_key", REFUSED, _TEMPLATE),
    Row(f"{KAFKA}.logs", MAPPED, to="topic and format"),
    Row(f"{KAFKA}.topic_from_attribute", MAPPED, to='topic: "{resource.<attribute>|<topic>}"'),
    Row(f"{KAFKA}.partition_logs_by_resource_attributes", SAME, "the hash is another one than the Collector's"),
    Row(f"{KAFKA}.partition_logs_by_trace_id", SAME),
    Row(f"{KAFKA}.message_key_from_metadata_key", REFUSED, 'write a template, for example key: "{tenant.id}"'),
    Row(f"{KAFKA}.include_metadata_keys", REFUSED, "let the receiver keep them: include_metadata: {headers: […]}"),
    Row(f"{KAFKA}.record_partitioner", REFUSED,
        "leave it out: a key goes where Kafka's Java client puts it (murmur2)"),
    Row(f"{KAFKA}.metrics|traces|profiles|partition_traces_by_id|partition_metrics_by_resource_attributes", ACCEPTED,
        "only logs are sent"),
    Row(f"{KAFKA}.protocol_version", ACCEPTED, "the brokers are asked for it"),
    Row(f"{KAFKA}.rack_id|use_leader_epoch", ACCEPTED, "it is for those who read"),
    Row(f"{KAFKA}.auth.sasl.mechanism", SAME, "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"),
    Row(f"{KAFKA}.auth.sasl.username|password", SAME),
    Row(f"{KAFKA}.auth.sasl.version", ACCEPTED, "the brokers are asked for it"),
    Row(f"{KAFKA}.auth.sasl.aws_msk", REFUSED, "not in this version; give the cluster SCRAM-SHA-512"),
    Row(f"{KAFKA}.auth.plain_text", MAPPED, to="auth.sasl, mechanism PLAIN"),
    Row(f"{KAFKA}.auth.tls", MAPPED, to="tls"),
    Row(f"{KAFKA}.auth.kerberos", REFUSED, "use SCRAM, OAUTHBEARER or a client certificate in `tls`"),
    Row(f"{KAFKA}.producer.max_message_bytes|linger", SAME),
    Row(f"{KAFKA}.producer.required_acks", SAME, "all (-1) only: what one broker has is lost with it"),
    Row(f"{KAFKA}.producer.compression", SAME, "zstd unless set"),
    Row(f"{KAFKA}.producer.compression_params.level", SAME),
    Row(f"{KAFKA}.producer.allow_auto_topic_creation", SAME, "false unless set: such a topic has one replica"),
    Row(f"{KAFKA}.producer.flush_max_messages", ACCEPTED, "batches are cut by their bytes"),
    Row(f"{KAFKA}.metadata.refresh_interval", SAME),
    Row(f"{KAFKA}.metadata.full|retry", ACCEPTED, "only what is written to is looked at, until there is an answer"),
    Row(f"{KAFKA}.tls.ca_file|cert_file|key_file|insecure_skip_verify|min_version", SAME),
    Row(f"{KAFKA}.tls.reload_interval", ACCEPTED, "files are read again when they change"),
    Row(f"{KAFKA}.tls.insecure", REFUSED, "leave `tls` out: without it nothing is encrypted"),
    Row(f"{KAFKA}.tls.server_name_override", REFUSED, "brokers are many: each needs a certificate for its own name"),
    *(Row(f"{KAFKA}.tls.{key}", REFUSED, why) for key, why in REFUSED_IN_TLS.items()),
)  # fmt: skip
