"""Exporters of the Collector: what all of them share (exporterhelper), and the types that are not here."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row

QUEUE, BATCH, RETRY = "exporters.*.sending_queue", "exporters.*.sending_queue.batch", "exporters.*.retry_on_failure"

_FILE = "until then write `file`, and let {agent} read its JSON lines"
_LATER = f"not in this version; {_FILE}"
_CONSOLE = "it shows one readable line for every record"

ROWS: tuple[Row, ...] = (
    Row(f"{QUEUE}.num_consumers", SAME),
    Row(f"{QUEUE}.enabled|storage", ACCEPTED, "the queue is the journal, on disk: service.journal.directory"),
    Row(f"{QUEUE}.queue_size|sizer", ACCEPTED, "the queue is the journal: service.journal.max_size_mib"),
    Row(f"{QUEUE}.block_on_overflow", ACCEPTED, "a full journal tells senders to come back"),
    Row(f"{QUEUE}.wait_for_result", ACCEPTED, "senders wait until their records are in the journal"),
    Row(f"{BATCH}.max_size|sizer|flush_timeout", SAME),
    Row(f"{BATCH}.enabled", ACCEPTED, "records always travel in batches"),
    Row(f"{BATCH}.min_size", ACCEPTED, "a request leaves when it is full or after flush_timeout"),
    Row(f"{BATCH}.partition", ACCEPTED, "destinations keep apart what may not share a request"),
    Row(
        f"{RETRY}.enabled|initial_interval|max_interval|multiplier|randomization_factor|max_elapsed_time",
        SAME,
        "a limit makes a dead letter instead of losing the record; max_elapsed_time is 0 (never) unless set",
    ),
    Row("exporters.debug|logging", MAPPED, _CONSOLE, to="console"),
    Row(
        "exporters.debug|logging.verbosity|loglevel|sampling_initial|sampling_thereafter|use_internal_logger",
        ACCEPTED,
        _CONSOLE,
    ),
    Row("exporters.debug|logging.output_paths", REFUSED, "write stream: stdout or stream: stderr"),
    Row("exporters.otel_arrow", REFUSED, "write an otlp exporter: whoever takes OTel Arrow takes OTLP"),
    Row("exporters.loki", REFUSED, _LATER.format(agent="Grafana Alloy")),
    Row("exporters.sumologic", REFUSED, _LATER.format(agent="the Sumo Logic collector")),
    Row("exporters.google_cloud|google_cloud_logging|google_cloud_pubsub", REFUSED,
        _LATER.format(agent="the Ops Agent")),
    Row("exporters.aws_cloudwatch_logs", REFUSED, _LATER.format(agent="the CloudWatch agent")),
    Row("exporters.azure_monitor|azure_data_explorer|azure_blob|azure_event_hub", REFUSED,
        _LATER.format(agent="the Azure Monitor agent")),
    Row(
        "exporters.aws_s3|aws_kinesis|aws_emf|pulsar|rabbitmq|clickhouse|influxdb|dataset|coralogix|logz_io"
        "|logic_monitor|mezmo|sentry|cassandra|doris|alibaba_cloud_log_service|tencent_cloud_log_service|bmc_helix"
        "|honeycomb_marker|stef|faro|sematext|alertmanager",
        REFUSED,
        _LATER.format(agent="Fluent Bit or Vector"),
    ),
    Row("exporters.load_balancing|failover", REFUSED,
        "the journal waits while a destination is away; name it directly"),
    Row(
        "exporters.prometheus|prometheus_remote_write|google_managed_prometheus|signalfx|carbon|opencensus",
        REFUSED,
        "metrics do not travel here; our own are at http://<service.admin.endpoint>/metrics",
    ),
    Row("exporters.jaeger|zipkin|sapm|aws_xray", REFUSED, "leave it out: traces do not travel here"),
    Row("exporters.nop", REFUSED, "leave it out: a pipeline needs an exporter that keeps records"),
)  # fmt: skip
