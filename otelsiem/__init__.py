"""otelsiem: audit events as OpenTelemetry log records, delivered to every SIEM, none lost.

What applications and other packages need is imported from here, each when it is first asked for. `__init__.pyi` says
the same to type checkers; a test compares the two.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    **dict.fromkeys(("OperatorError", "PermanentError", "RetryError", "SiemAdapter"), "adapter"),
    **dict.fromkeys(("audit", "audit_durable", "audited", "configure"), "auditing.api"),
    "AuditLog": "auditing.log",
    "Receipt": "auditing.receipt",
    **dict.fromkeys(("bind", "bind_request"), "auditing.context"),
    "Match": "model.match",
    **dict.fromkeys(("NotTakenError", "Outlet"), "outbox"),
    **dict.fromkeys(
        (
            "Authentication",
            "AuthorizationFailure",
            "ConfigurationChange",
            "PolicyDecision",
            "PromptInjection",
            "ToolCall",
        ),
        "auditing.acts",
    ),
    **dict.fromkeys(("Alert", "Anomaly", "ComplianceCheck", "RiskAssessment", "SecurityEvent"), "auditing.events"),
    **dict.fromkeys(("Telemetry", "WorkflowExecution"), "auditing.runs"),
    **dict.fromkeys(("Target", "Technique"), "auditing.technique"),
    "AuditLogRecordProcessor": "sdk.processor",
    "SiemLogExporter": "sdk.exporter",
    **dict.fromkeys(
        (
            "DatadogExporter",
            "ElasticsearchExporter",
            "FileExporter",
            "KafkaExporter",
            "OpensearchExporter",
            "OtlpHttpExporter",
            "SplunkHecExporter",
            "SyslogExporter",
            "WebhookExporter",
        ),
        "sdk.ready",
    ),
    "Datadog": "destinations.datadog",
    "Elasticsearch": "destinations.elasticsearch",
    "File": "destinations.file",
    "Kafka": "destinations.kafka",
    "Opensearch": "destinations.opensearch",
    "Otlp": "destinations.otlp",
    "OtlpHttp": "destinations.otlp_http",
    "SplunkHec": "destinations.splunk_hec",
    "Syslog": "destinations.syslog",
    "Webhook": "destinations.webhook",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
