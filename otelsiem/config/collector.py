"""Keys of the OpenTelemetry Collector that mean nothing here, or that cannot be honoured yet: one table.

A configuration that came from a Collector starts: what the journal makes unnecessary is accepted and explained.
What would be unsafe to overlook (encryption, authentication) is refused. `docs/reference/configuration.md` prints the
table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otelsiem.config.report import Report
from otelsiem.config.tree import Node, Table

_DURABLE = "every record is in the journal before it is acknowledged"
_LATER = "not in this version; put a proxy in front, or listen on localhost"
_TUNED = "the receiver tunes its own connections"


@dataclass(frozen=True, slots=True)
class Row:
    """One key. `*` stands for any id or name; component ids are compared by their type."""

    path: str
    accepted: bool
    why: str


TABLE: tuple[Row, ...] = (
    Row("processors.batch", True, "requests are shaped by each exporter's sending_queue.batch"),
    Row("processors.memory_limiter", True, "memory is bounded by the journal, there is nothing to set"),
    Row("exporters.*.sending_queue.enabled", True, f"the journal is the queue: {_DURABLE}"),
    Row("exporters.*.sending_queue.queue_size", True, "the queue is the journal: service.journal.max_size_mib"),
    Row("exporters.*.sending_queue.storage", True, f"the journal is the storage: {_DURABLE}"),
    Row("exporters.*.sending_queue.block_on_overflow", True, "a full journal tells senders to come back"),
    Row("exporters.*.sending_queue.wait_for_result", True, f"senders wait for the journal: {_DURABLE}"),
    Row("exporters.*.sending_queue.sizer", True, "the queue is the journal; it counts MiB"),
    Row("exporters.*.sending_queue.batch.min_size", True, "a request leaves when it is full or after flush_timeout"),
    Row("exporters.*.sending_queue.batch.partition", True, "destinations keep apart what may not share a request"),
    Row("receivers.otlp.protocols.grpc.transport", True, "it is tcp"),
    Row("receivers.otlp.protocols.grpc.read_buffer_size", True, _TUNED),
    Row("receivers.otlp.protocols.grpc.write_buffer_size", True, _TUNED),
    Row("receivers.otlp.protocols.grpc.max_concurrent_streams", True, "intake is bounded in bytes by the journal"),
    Row("receivers.otlp.protocols.grpc.keepalive", True, _TUNED),
    Row("receivers.otlp.protocols.grpc.include_metadata", True, "no component reads request metadata"),
    Row("receivers.otlp.protocols.grpc.tls", False, _LATER),
    Row("receivers.otlp.protocols.grpc.auth", False, _LATER),
    Row("receivers.otlp.protocols.grpc.middlewares", False, _LATER),
    Row("receivers.otlp.protocols.http.transport", True, "it is tcp"),
    Row("receivers.otlp.protocols.http.include_metadata", True, "no component reads request metadata"),
    Row("receivers.otlp.protocols.http.read_timeout", True, _TUNED),
    Row("receivers.otlp.protocols.http.read_header_timeout", True, _TUNED),
    Row("receivers.otlp.protocols.http.write_timeout", True, _TUNED),
    Row("receivers.otlp.protocols.http.idle_timeout", True, _TUNED),
    Row("receivers.otlp.protocols.http.keep_alives_enabled", True, _TUNED),
    Row("receivers.otlp.protocols.http.traces_url_path", True, "only logs are taken"),
    Row("receivers.otlp.protocols.http.metrics_url_path", True, "only logs are taken"),
    Row("receivers.otlp.protocols.http.logs_url_path", False, "it is /v1/logs; put a proxy in front to change it"),
    Row("receivers.otlp.protocols.http.compression_algorithms", False, "what a sender may use is not configurable"),
    Row("receivers.otlp.protocols.http.response_headers", False, _LATER),
    Row("receivers.otlp.protocols.http.cors", False, "browsers cannot send here directly; put a proxy in front"),
    Row("receivers.otlp.protocols.http.tls", False, _LATER),
    Row("receivers.otlp.protocols.http.auth", False, _LATER),
    Row("receivers.otlp.protocols.http.middlewares", False, _LATER),
    Row("extensions.health_check", True, "/health and /ready are at service.admin.endpoint"),
    Row("extensions.healthcheckv2", True, "/health and /ready are at service.admin.endpoint"),
    Row("extensions.file_storage", True, "the journal is the storage: service.journal.directory"),
    Row("extensions.memory_ballast", True, "there is no Go heap to steady"),
    Row("extensions.pprof", True, "there is no Go runtime to profile"),
    Row("extensions.zpages", True, "metrics and dead letters are at service.admin.endpoint"),
    Row("extensions.*", False, "there are no extensions in this version"),
    Row("connectors.*", False, "there are no connectors in this version"),
    Row("service.extensions", True, "what they do is always on"),
    Row("service.telemetry", True, "metrics are at http://<service.admin.endpoint>/metrics"),
)


def prune(root: Table, report: Report) -> set[str]:
    """Take out what the table names, with a warning or a problem for each.

    Returns the processors that were accepted: pipelines may go on naming them.
    """
    processors: set[str] = set()
    for row in TABLE:
        for parent, steps in list(_parents(root, row.path.split("."), ())):
            place, key = parent.keys[steps[-1]], steps[-1]
            if row.accepted:
                report.warning(place, steps, "is accepted and has no effect", row.why)
                processors |= {key} if steps[0] == "processors" else set()
            else:
                report.problem(place, steps, "is not supported", row.why)
            parent.drop(key)
    return processors


def _parents(node: Node, path: list[str], steps: tuple[str, ...]) -> Iterator[tuple[Table, tuple[str, ...]]]:
    """Every mapping that holds a key the path ends in, with the steps to that key."""
    name, *rest = path
    for key, child in node.items.items() if isinstance(node, Table) else ():
        if name not in {"*", key, key.partition("/")[0]}:
            continue
        if rest:
            yield from _parents(child, rest, (*steps, key))
        elif isinstance(node, Table):
            yield node, (*steps, key)
