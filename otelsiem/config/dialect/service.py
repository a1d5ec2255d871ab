"""Connectors, extensions and `service` of the Collector. What guards an entrance is refused, never overlooked."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, REFUSED, SAME, Row

_HEALTH = "/health and /ready are at service.admin.endpoint"
_STORAGE = "the journal is the storage: service.journal.directory"
_MEMORY = "memory is bounded by the journal, there is nothing to set"
_GO = "there is no Go runtime to look at"
_GUARDS = "senders show a token (bearertokenauth) or a certificate (tls.client_ca_file) here"
_SIGNS = "an exporter holds its own credentials here, for example `token` of splunk_hec"

ROWS: tuple[Row, ...] = (
    Row("connectors.forward", REFUSED, "name the exporters in both pipelines"),
    Row("connectors.routing", REFUSED, "list the exporters in one pipeline and give each its `match`"),
    Row("connectors.failover|round_robin", REFUSED, "the journal waits while a destination is away; name it directly"),
    Row("connectors.count|sum|signal_to_metrics|span_metrics|service_graph|exceptions|grafana_cloud|datadog"
        "|metrics_as_logs|otlp_json|slow_sql", REFUSED, "only logs travel here, and there are no connectors"),
    Row("connectors.*", REFUSED, "there are no connectors in this version"),
    Row("extensions.health_check|healthcheckv2", ACCEPTED, _HEALTH),
    Row("extensions.file_storage|db_storage|redis_storage", ACCEPTED, _STORAGE),
    Row("extensions.memory_ballast|memory_limiter", ACCEPTED, _MEMORY),
    Row("extensions.pprof|cgroup_runtime", ACCEPTED, _GO),
    Row("extensions.zpages|remote_tap", ACCEPTED, "metrics and dead letters are at service.admin.endpoint"),
    Row("extensions.host_observer|docker_observer|k8s_observer|ecs_observer|ecs_task_observer|cf_garden_observer"
        "|kafka_topics_observer|k8s_leader_elector", ACCEPTED, "nothing here asks it"),
    Row("extensions.bearer_token_auth", SAME, "and more: tokens with a name, a tenant and a quota"),
    Row("extensions.bearer_token_auth.header", REFUSED, "the header is Authorization"),
    Row("extensions.basic_auth|oidc|asap_client", REFUSED, _GUARDS),
    Row("extensions.oauth2_client|headers_setter|sigv4_auth|azure_auth|google_client_auth|aws_proxy|http_forwarder",
        REFUSED, _SIGNS),
    Row("extensions.opamp|sumologic|solarwinds_apm_settings", REFUSED,
        "nothing manages this gateway from afar; deploy its file, and try it with `otelsiem validate`"),
    Row("extensions.ack", REFUSED, "leave it out: every sender is answered when its records are durable"),
    Row("extensions.*", REFUSED, "there is no such extension in this version; leave it out"),
    Row("service.pipelines.*.receivers|processors|exporters", SAME),
    Row("service.extensions", SAME),
    Row("service.telemetry", ACCEPTED, "metrics are at http://<service.admin.endpoint>/metrics"),
)  # fmt: skip
