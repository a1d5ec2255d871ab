"""The list of our metrics: name, kind, labels and what each says. The code makes its instruments from this list and
the reference page is printed from it, so neither can say something else.

Names are as Prometheus shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Source: TypeAlias = Literal["events", "journal"]  # counted as it happens; or read from the journal's own counts


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    sentence: str
    source: Source = "events"
    buckets: tuple[float, ...] = ()


SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # of a request
LAG = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)  # a day's outage shows

_EACH = ("exporter", "pipeline")

INSTRUMENTS: tuple[Instrument, ...] = (
    # the identity: exporter_accepted = sent + dead_letters + filtered + purged + queue_size
    Instrument("siem_exporter_accepted_total", "counter", _EACH, "Records acknowledged for the exporter.", "journal"),
    Instrument("siem_events_sent_total", "counter", _EACH, "Records delivered.", "journal"),
    Instrument(
        "siem_dead_letters", "gauge", _EACH, "Records refused for good and kept; a replay takes one out.", "journal"
    ),
    Instrument(
        "siem_events_filtered_total",
        "counter",
        (*_EACH, "rule"),
        "Records left out by a rule the user wrote: by a condition of the exporter's `match` (the first that does not"
        " hold, for example `match.min_severity`; kept in the journal, which calls those of unknown rule `match`), or"
        " by a processor at the door (exporter empty, counted since the start).",
        "journal",
    ),
    Instrument("siem_events_purged_total", "counter", _EACH, "Records given up by a person's explicit act.", "journal"),
    Instrument("siem_queue_size", "gauge", _EACH, "Records pending, those on loan and due ones included.", "journal"),
    Instrument(
        "siem_queue_due", "gauge", _EACH, "Of the pending records, those set aside for a time of their own.", "journal"
    ),
    Instrument(
        "siem_queue_oldest_age_seconds", "gauge", _EACH, "Age of the oldest pending record; 0 with none.", "journal"
    ),
    Instrument("siem_pipeline_received_total", "counter", ("pipeline",), "Records that came to the door.", "journal"),
    Instrument(
        "siem_pipeline_filtered_total", "counter", ("pipeline",), "Of these, taken out by processors.", "journal"
    ),
    Instrument(
        "siem_pipeline_refused_total",
        "counter",
        ("pipeline",),
        "Of these, dead letters of `door/<pipeline>`.",
        "journal",
    ),
    Instrument("siem_journal_bytes", "gauge", (), "Size of the journal on disk, its log included.", "journal"),
    Instrument("siem_journal_full", "gauge", (), "1 while intake is refused for want of room.", "journal"),
    Instrument("siem_journal_ready", "gauge", (), "0 while the journal cannot be written.", "journal"),
    # as it happens
    Instrument("siem_config_reloads_total", "counter", ("result",), "Reloads of the configuration, `ok` or `refused`."),
    Instrument(
        "siem_config_last_reload_success",
        "gauge",
        (),
        "1 when the last reload worked, 0 while an older configuration goes on because it did not; shown once there was"
        " one.",
    ),
    Instrument("siem_config_last_reload_timestamp_seconds", "gauge", (), "When the last reload ended."),
    Instrument(
        "siem_events_accepted_total",
        "counter",
        ("receiver", "tenant", "token"),
        "Records acknowledged to senders, once however many exporters take them. Tenants after 1,000 count as `other`;"
        " token is the name of the sender's token.",
    ),
    Instrument(
        "siem_requests_refused_total",
        "counter",
        ("receiver", "transport", "reason", "token"),
        "Requests that were not taken. `malformed`, `too_large`, `content_type`, `content_encoding`, `method`, `path`"
        " and `not_http` are the sender's; `unauthenticated` showed no token that is known; `quota`, `full`, `busy`,"
        " `not_open`, `slow`, `journal`, `internal` and `stopping` were told to come back; `gone` left by themselves.",
    ),
    Instrument(
        "siem_events_failed_total", "counter", ("exporter", "reason"), "Records that a destination refused for good."
    ),
    Instrument("siem_batches_sent_total", "counter", ("exporter",), "Requests that the destination took."),
    Instrument("siem_batches_failed_total", "counter", ("exporter",), "Requests that it did not take."),
    Instrument(
        "siem_send_latency_seconds", "histogram", ("exporter",), "From a request to its answer.", buckets=SECONDS
    ),
    Instrument(
        "siem_event_lag_seconds",
        "histogram",
        ("exporter",),
        "From when an event happened to its delivery; one observation per batch, of its oldest record.",
        buckets=LAG,
    ),
    Instrument(
        "siem_retry_attempts_total", "counter", ("exporter", "reason"), "Requests to be repeated, by what went wrong."
    ),
    Instrument("siem_current_batch_size", "gauge", ("exporter",), "Records in the last request."),
    Instrument(
        "siem_unconfirmed_events",
        "gauge",
        ("exporter",),
        "Records that the destination has taken and not yet confirmed; shown for one that confirms.",
    ),
    Instrument("siem_hold", "gauge", ("exporter", "reason"), "1 while delivery is paused because the fault is ours."),
    Instrument(
        "siem_health_status",
        "gauge",
        ("exporter",),
        "1 while it takes records, 0 while it fails or is held.",
    ),
)

BY_NAME: Mapping[str, Instrument] = {instrument.name: instrument for instrument in INSTRUMENTS}

_HEAD = """\
# Metrics

<!-- printed from otelsiem/telemetry/instruments.py -->

At rest, for every exporter of a pipeline and across a crash:

```
siem_exporter_accepted_total = siem_events_sent_total + siem_dead_letters + siem_events_filtered_total
                             + siem_events_purged_total + siem_queue_size
```

Metrics of the journal are read from its own counts, all of one scrape from one reading, and outlive a restart.
The others count since the process started.

In an application, those that are about exporters and the journal come through its own MeterProvider, if it has one.

| metric | kind | labels | from | what it says |
|---|---|---|---|---|
"""


def reference() -> str:
    """The reference page."""
    rows = [
        f"| `{i.name}` | {i.kind} | {', '.join(f'`{label}`' for label in i.labels)} | {i.source} | {i.sentence} |\n"
        for i in INSTRUMENTS
    ]
    return _HEAD + "".join(rows)
