"""The environment variables that configure us: one table, which the docs print.

VARIABLES configure a gateway without a file; those that stand for a key of a destination configure an application's
exporter of that type, too. LIBRARY is for applications alone. A destination that gets variables is a row of
DESTINATIONS and rows of VARIABLES; nothing else has to be told of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, assert_never

URL, TOKEN = "SPLUNK_HEC_URL", "SPLUNK_HEC_TOKEN"
KEY = "DATADOG_API_KEY"

EVERY, EACH = "*", "<destination>"  # in a key: every exporter; every destination that variables turn on


class Kind(Enum):
    """What a variable holds; the value says what is expected of it."""

    TEXT = "text"
    TRUTH = "true or false"
    COUNT = "a whole number, 1 or more"
    NUMBER = "a whole number, 0 or more"
    RATE = "a number, more than 0"
    SECONDS = "a number of seconds, more than 0"
    DESTINATION = "splunk, datadog, both or file"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `key`: what it stands for in YAML, "" for nothing."""

    name: str
    kind: Kind
    key: str
    sentence: str
    words: tuple[str, str] = ("true", "false")  # what true and false are in YAML
    beside: str = ""  # a variable without which it means nothing


@dataclass(frozen=True, slots=True)
class Asked:
    """A destination that variables turn on."""

    type: str
    title: str
    words: tuple[str, ...]  # for SIEM_TYPE
    switch: str  # the variable that decides about it, whatever SIEM_TYPE says
    needs: tuple[str, ...]  # all of them; any of them asks for it

    @property
    def path(self) -> str:
        """Where its keys stand."""
        return f"exporters.{self.type}."


@dataclass(frozen=True, slots=True)
class Absent:
    """A destination that this version has not got, and how its variables ask for it."""

    type: str
    title: str
    words: tuple[str, ...]  # for SIEM_TYPE
    asking: tuple[str, ...]  # variables that mean it
    others: tuple[str, ...]  # which mean nothing alone


DESTINATIONS: tuple[Asked, ...] = (
    Asked("splunk_hec", "Splunk", ("splunk", "splunk_hec"), "SIEM_SPLUNK_ENABLED", (URL, TOKEN)),
    Asked("datadog", "Datadog", ("datadog",), "SIEM_DATADOG_ENABLED", (KEY,)),
)
BOTH = ("splunk_hec", "datadog")  # what `SIEM_TYPE=both` means

_SPLUNK, _DATADOG, _EACH, _EVERY = ("exporters." + id_ for id_ in ("splunk_hec", "datadog", EACH, EVERY))

VARIABLES: tuple[Variable, ...] = (
    Variable("SIEM_ENABLED", Kind.TRUTH, f"{_EACH}.enabled", "false: no destination but the local file"),
    Variable("SIEM_TYPE", Kind.DESTINATION, f"{_EACH}.enabled",
             "those that it names want their variables, others are off; file: only the file"),
    Variable("SIEM_SPLUNK_ENABLED", Kind.TRUTH, f"{_SPLUNK}.enabled", "decides about Splunk, whatever SIEM_TYPE says"),
    Variable("SIEM_DATADOG_ENABLED", Kind.TRUTH, f"{_DATADOG}.enabled",
             "decides about Datadog, whatever SIEM_TYPE says"),
    Variable(URL, Kind.TEXT, f"{_SPLUNK}.endpoint", "with the token it turns Splunk on"),
    Variable(TOKEN, Kind.TEXT, f"{_SPLUNK}.token", "with the URL it turns Splunk on"),
    Variable("SPLUNK_INDEX", Kind.TEXT, f"{_SPLUNK}.index", "unset: the token's own"),
    Variable("SPLUNK_SOURCETYPE", Kind.TEXT, f"{_SPLUNK}.sourcetype", "unset: `_json`"),
    Variable("SPLUNK_VERIFY_SSL", Kind.TRUTH, f"{_SPLUNK}.tls.insecure_skip_verify", "false: any certificate will do",
             ("false", "true")),
    Variable(KEY, Kind.TEXT, f"{_DATADOG}.api.key", "turns Datadog on"),
    Variable("DATADOG_SITE", Kind.TEXT, f"{_DATADOG}.api.site", "unset: `datadoghq.com`"),
    Variable("DATADOG_SERVICE", Kind.TEXT, f"{_DATADOG}.service", "unset: what each record's resource says"),
    Variable("DATADOG_SOURCE", Kind.TEXT, f"{_DATADOG}.source", "unset: `otelsiem`"),
    Variable("DATADOG_ENV", Kind.TEXT, f"{_DATADOG}.env", "unset: what each record's resource says"),
    Variable("DATADOG_VERSION", Kind.TEXT, f"{_DATADOG}.version", "unset: what each record's resource says"),
    Variable("DATADOG_TAGS", Kind.TEXT, f"{_DATADOG}.tags", "with commas: `team:iam,tier:1`"),
    Variable("DATADOG_RATE_LIMIT_PER_SECOND", Kind.RATE, f"{_DATADOG}.rate_limit.events_per_second",
             "records a second; what waits, waits in the journal"),
    Variable("DATADOG_RATE_LIMIT_BURST", Kind.RATE, f"{_DATADOG}.rate_limit.burst", "records at once",
             beside="DATADOG_RATE_LIMIT_PER_SECOND"),
    Variable("SIEM_BATCH_SIZE", Kind.COUNT, f"{_EVERY}.sending_queue.batch.max_size", "records in one request"),
    Variable("SIEM_BATCH_TIMEOUT_SECONDS", Kind.SECONDS, f"{_EVERY}.sending_queue.batch.flush_timeout",
             "how long a record waits for company"),
    Variable("SIEM_TIMEOUT_SECONDS", Kind.SECONDS, f"{_EACH}.timeout", "total time for one request"),
    Variable("SIEM_COMPRESS_PAYLOADS", Kind.TRUTH, f"{_EACH}.compression", "`gzip` or `none`", ("gzip", "none")),
    Variable("HTTPX_MAX_CONNECTIONS", Kind.COUNT, f"{_EACH}.max_conns_per_host", "connections at once"),
    Variable("HTTPX_MAX_KEEPALIVE", Kind.COUNT, f"{_EACH}.max_idle_conns", "connections kept open between requests"),
    Variable("SIEM_MAX_QUEUE_SIZE", Kind.NUMBER, "",
             "no effect: the queue is the journal, bounded by `service.journal.max_size_mib`; nothing is dropped"),
    Variable("SIEM_RETRY_ATTEMPTS", Kind.NUMBER, "",
             "no effect: retries never end; `exporters.<id>.retry_on_failure.max_retries` would make dead letters"),
    Variable("DATADOG_APP_KEY", Kind.TEXT, "",
             "no effect: logs are sent with the API key; an application key reads, which nothing here does"),
)  # fmt: skip

ABSENT: tuple[Absent, ...] = (
    Absent("cloudwatch", "CloudWatch Logs", ("cloudwatch", "aws", "aws_cloudwatch"), ("CLOUDWATCH_LOG_GROUP",),
           ("CLOUDWATCH_LOG_STREAM", "AWS_REGION", "AWS_USE_INSTANCE_ROLE")),
    Absent("sentinel", "Microsoft Sentinel", ("sentinel", "azure", "azure_sentinel"), ("AZURE_DCE_ENDPOINT",),
           ("AZURE_DCR_ID", "AZURE_STREAM_NAME")),
    Absent("gcp_logging", "Google Cloud Logging", ("gcp", "google", "gcp_logging"), ("GCP_PROJECT_ID",),
           ("GCP_LOG_NAME", "GCP_CREDENTIALS_PATH", "GCP_USE_WORKLOAD_IDENTITY")),
)  # fmt: skip

LIBRARY: tuple[Variable, ...] = (
    Variable("OTELSIEM_JOURNAL", Kind.TEXT, "journal", "directory of the journal; unset: what waits, waits in memory"),
    Variable("OTELSIEM_EXPORT_TIMEOUT", Kind.SECONDS, "export_timeout",
             "how long one export may take; unset: 10"),
    Variable("OTELSIEM_SEVERITY", Kind.TRUTH, "processors.severity",
             "unset: true; false: every record keeps the severity that it came with"),
    Variable("OTELSIEM_CONSTITUTION", Kind.TEXT, "processors.constitution.hash",
             "hash of the rules in force; stamped on every record"),
    Variable("OTELSIEM_PROCESSORS", Kind.TEXT, "processors",
             "instead of the two above: JSON, each processor with its settings, in order:"
             ' `{"severity": {}, "constitution": {"hash": "cdd01ef066bc6cf2"}}`'),
)  # fmt: skip

# contracts/azure-logs-ingestion.md: the HTTP Data Collector API and its shared keys ended in 2026
_REPLACED = "set AZURE_DCE_ENDPOINT, AZURE_DCR_ID and AZURE_STREAM_NAME instead: Logs Ingestion knows no shared keys"
RETIRED = dict.fromkeys(("AZURE_WORKSPACE_ID", "AZURE_SHARED_KEY"), _REPLACED)


def asked(word: str) -> Asked | None:
    """The destination that a word of SIEM_TYPE means."""
    return next((one for one in DESTINATIONS if word in one.words), None)


def absent(word: str) -> Absent | None:
    """The destination that a word of SIEM_TYPE means and that is not there."""
    return next((one for one in ABSENT if word in one.words), None)


def reaches(variable: Variable, exporter: str) -> bool:
    """Whether a variable stands for a key of this exporter of the embedded configuration."""
    id_ = variable.key.split(".")[1] if variable.key else ""
    return id_ in {EVERY, exporter} or (id_ == EACH and any(one.type == exporter for one in DESTINATIONS))


Meant: TypeAlias = str | int | float | bool

TRUTHS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

_NUMBER = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def meant(variable: Variable, text: str) -> Meant | None:
    """What a text stands for, as the key takes it; None when it is not what was expected."""
    match variable.kind:
        case Kind.TRUTH:
            truth = TRUTHS.get(text.lower())
            word = variable.words[not truth]
            return None if truth is None else TRUTHS.get(word, word)
        case Kind.COUNT | Kind.NUMBER:
            least = 1 if variable.kind is Kind.COUNT else 0
            return int(text) if _NUMBER.fullmatch(text) and int(text) >= least else None
        case Kind.SECONDS:
            return f"{text}s" if _positive(text) else None
        case Kind.RATE:
            return float(text) if _positive(text) else None
        case Kind.TEXT | Kind.DESTINATION:
            return text
        case _:
            assert_never(variable.kind)


def _positive(text: str) -> bool:
    return _SECONDS.fullmatch(text) is not None and float(text) > 0
