"""What the SDK finds by name: `OTEL_LOGS_EXPORTER=otelsiem_splunk_hec`, and such exporters in OTEL_CONFIG_FILE.

Without settings they come from the environment; with some, as a configuration file has them, from there alone.
Guarantees: what cannot work raises ConfigError, with every problem, before any record is taken.
"""

from __future__ import annotations

import os
from typing import Any

from otelsiem.model.errors import ConfigError, Problem
from otelsiem.model.settings import spelled
from otelsiem.sdk.environment import read
from otelsiem.sdk.settled import SettledExporter

PREFIX = "otelsiem_"


class Entry(SettledExporter):
    """One entry point of the group `opentelemetry_logs_exporter`."""

    def __init__(self, **settings: Any) -> None:
        if settings:
            self._settle(settings, spelled(PREFIX + self.destination))
            return
        found = read(self.destination, os.environ)
        problems: list[Problem] = list(found.problems)
        try:
            self._settle(found.settings, found.spell)
        except ConfigError as wrong:
            told = {problem.path for problem in problems}
            problems += [problem for problem in wrong.problems if problem.path not in told]
        if problems:
            raise ConfigError(problems)


class DatadogEntry(Entry):
    destination = "datadog"


class ElasticsearchEntry(Entry):
    destination = "elasticsearch"


class FileEntry(Entry):
    destination = "file"


class KafkaEntry(Entry):
    destination = "kafka"


class OpensearchEntry(Entry):
    destination = "opensearch"


class OtlpHttpEntry(Entry):
    destination = "otlp_http"


class SplunkHecEntry(Entry):
    destination = "splunk_hec"


class SyslogEntry(Entry):
    destination = "syslog"


class WebhookEntry(Entry):
    destination = "webhook"
