"""One exporter for the OpenTelemetry SDK per destination: its settings are keyword arguments.

    BatchLogRecordProcessor(SplunkHecExporter(endpoint="https://splunk.example.com:8088", token=…))

`ready.pyi` tells type checkers and editors the settings; it is written from the destinations by
`python -m tests.sdk.stub`, and a test says when it is old. There is none for OTLP over gRPC: no gRPC in an
application's process.
"""

from __future__ import annotations

from otelsiem.sdk.settled import SettledExporter


class DatadogExporter(SettledExporter):
    """Logs to Datadog."""

    destination = "datadog"


class ElasticsearchExporter(SettledExporter):
    """Documents to Elasticsearch."""

    destination = "elasticsearch"


class FileExporter(SettledExporter):
    """Lines to a file on this machine."""

    destination = "file"


class KafkaExporter(SettledExporter):
    """Messages to Kafka; needs `otelsiem[kafka]`."""

    destination = "kafka"


class OpensearchExporter(SettledExporter):
    """Documents to OpenSearch."""

    destination = "opensearch"


class OtlpHttpExporter(SettledExporter):
    """OTLP over HTTP, to a gateway of ours or to whoever speaks it."""

    destination = "otlp_http"


class SplunkHecExporter(SettledExporter):
    """Events to Splunk over the HTTP Event Collector."""

    destination = "splunk_hec"


class SyslogExporter(SettledExporter):
    """Messages to a syslog receiver: RFC 5424, CEF, LEEF."""

    destination = "syslog"


class WebhookExporter(SettledExporter):
    """Requests to any HTTP address."""

    destination = "webhook"


READY = (
    DatadogExporter,
    ElasticsearchExporter,
    FileExporter,
    KafkaExporter,
    OpensearchExporter,
    OtlpHttpExporter,
    SplunkHecExporter,
    SyslogExporter,
    WebhookExporter,
)
