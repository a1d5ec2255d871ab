"""Processors of the Collector: what the journal makes needless is accepted; what changes or drops records is refused.

A processor that masks, filters or changes records is never overlooked: without it other data would arrive.
"""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, REFUSED, Row

_FRONT = "not in this version; until then let the Collector in front do it before it sends here"

ROWS: tuple[Row, ...] = (
    Row("processors.batch|queue_batch", ACCEPTED, "requests are shaped by each exporter's sending_queue.batch"),
    Row("processors.memory_limiter", ACCEPTED, "memory is bounded by the journal, there is nothing to set"),
    Row("processors.filter", REFUSED, "write the condition as `match` of the exporters that shall not get the records"),
    Row(
        "processors.attributes|resource|transform|lookup|group_by_attrs|log_dedup|unroll|schema|sumologic|geo_ip"
        "|dns_lookup|remote_tap|datadog_semantics",
        REFUSED,
        _FRONT,
    ),
    Row(
        "processors.redaction",
        REFUSED,
        "write `mask` instead: blocked keys are its `keys`, blocked values its `kinds` and `patterns`",
    ),
    Row(
        "processors.resource_detection|k8s_attributes",
        REFUSED,
        "leave it in the Collector beside the application: it knows that machine, this gateway does not",
    ),
    Row(
        "processors.probabilistic_sampler|tail_sampling",
        REFUSED,
        "leave it out: audit records are not sampled",
    ),
    Row("processors.routing", REFUSED, "list the exporters in one pipeline and give each its `match`"),
    Row(
        "processors.cumulative_to_delta|delta_to_cumulative|delta_to_rate|interval|metrics_transform"
        "|metrics_generation|metric_start_time|isolation_forest",
        REFUSED,
        "leave it out: metrics do not travel here",
    ),
    Row("processors.span|group_by_trace", REFUSED, "leave it out: traces do not travel here"),
)
