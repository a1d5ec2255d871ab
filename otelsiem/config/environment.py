"""The environment variables that configure a gateway without a file: one table, which the docs print.

Guarantees: a wrong value names its variable and what was expected and never shows itself; a variable that has no exact
counterpart here is accepted, and one line says what it means instead. Beside `--config` they mean nothing, which is
told, too: there only `${env:NAME}` asks for a variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from otelsiem.config.dotenv import Environment
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Place

SPLUNK = "exporters.splunk_hec"
URL, TOKEN = "SPLUNK_HEC_URL", "SPLUNK_HEC_TOKEN"

TRUTHS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class Kind(Enum):
    """What a variable holds; the value says what is expected of it."""

    TEXT = "text"
    TRUTH = "true or false"
    COUNT = "a whole number, 1 or more"
    NUMBER = "a whole number, 0 or more"
    SECONDS = "a number of seconds, more than 0"
    DESTINATION = "splunk or file"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `key`: what it stands for in YAML, `*` for every exporter, "" for nothing."""

    name: str
    kind: Kind
    key: str
    sentence: str
    words: tuple[str, str] = ("true", "false")  # what true and false are in YAML


@dataclass(frozen=True, slots=True)
class Absent:
    """A destination that this version has not got, and how its variables ask for it."""

    type: str
    title: str
    words: tuple[str, ...]  # for SIEM_TYPE
    asking: tuple[str, ...]  # variables that mean it
    others: tuple[str, ...]  # which mean nothing alone


VARIABLES: tuple[Variable, ...] = (
    Variable("SIEM_ENABLED", Kind.TRUTH, f"{SPLUNK}.enabled", "false: no destination but the local file"),
    Variable("SIEM_TYPE", Kind.DESTINATION, f"{SPLUNK}.enabled", "splunk: wants its variables; file: only the file"),
    Variable("SIEM_SPLUNK_ENABLED", Kind.TRUTH, f"{SPLUNK}.enabled", "decides about Splunk, whatever SIEM_TYPE says"),
    Variable(URL, Kind.TEXT, f"{SPLUNK}.endpoint", "with the token it turns Splunk on"),
    Variable(TOKEN, Kind.TEXT, f"{SPLUNK}.token", "with the URL it turns Splunk on"),
    Variable("SPLUNK_INDEX", Kind.TEXT, f"{SPLUNK}.index", "unset: the token's own"),
    Variable("SPLUNK_SOURCETYPE", Kind.TEXT, f"{SPLUNK}.sourcetype", "unset: `_json`"),
    Variable("SPLUNK_VERIFY_SSL", Kind.TRUTH, f"{SPLUNK}.tls.insecure_skip_verify", "false: any certificate will do",
             ("false", "true")),
    Variable("SIEM_BATCH_SIZE", Kind.COUNT, "exporters.*.sending_queue.batch.max_size", "records in one request"),
    Variable("SIEM_BATCH_TIMEOUT_SECONDS", Kind.SECONDS, "exporters.*.sending_queue.batch.flush_timeout",
             "how long a record waits for company"),
    Variable("SIEM_TIMEOUT_SECONDS", Kind.SECONDS, f"{SPLUNK}.timeout", "total time for one request"),
    Variable("SIEM_COMPRESS_PAYLOADS", Kind.TRUTH, f"{SPLUNK}.compression", "`gzip` or `none`", ("gzip", "none")),
    Variable("HTTPX_MAX_CONNECTIONS", Kind.COUNT, f"{SPLUNK}.max_conns_per_host", "connections at once"),
    Variable("HTTPX_MAX_KEEPALIVE", Kind.COUNT, f"{SPLUNK}.max_idle_conns", "connections kept open between requests"),
    Variable("SIEM_MAX_QUEUE_SIZE", Kind.NUMBER, "",
             "no effect: the queue is the journal, bounded by `service.journal.max_size_mib`; nothing is dropped"),
    Variable("SIEM_RETRY_ATTEMPTS", Kind.NUMBER, "",
             "no effect: retries never end; `exporters.<id>.retry_on_failure.max_retries` would make dead letters"),
)  # fmt: skip

ABSENT: tuple[Absent, ...] = (
    Absent("datadog", "Datadog", ("datadog",), ("DATADOG_API_KEY", "SIEM_DATADOG_ENABLED"),
           ("DATADOG_APP_KEY", "DATADOG_SITE", "DATADOG_SERVICE", "DATADOG_SOURCE", "DATADOG_ENV", "DATADOG_VERSION",
            "DATADOG_TAGS", "DATADOG_RATE_LIMIT_PER_SECOND", "DATADOG_RATE_LIMIT_BURST")),
    Absent("cloudwatch", "CloudWatch Logs", ("cloudwatch", "aws", "aws_cloudwatch"), ("CLOUDWATCH_LOG_GROUP",),
           ("CLOUDWATCH_LOG_STREAM", "AWS_REGION", "AWS_USE_INSTANCE_ROLE")),
    Absent("sentinel", "Microsoft Sentinel", ("sentinel", "azure", "azure_sentinel"), ("AZURE_DCE_ENDPOINT",),
           ("AZURE_DCR_ID", "AZURE_STREAM_NAME")),
    Absent("gcp_logging", "Google Cloud Logging", ("gcp", "google", "gcp_logging"), ("GCP_PROJECT_ID",),
           ("GCP_LOG_NAME", "GCP_CREDENTIALS_PATH", "GCP_USE_WORKLOAD_IDENTITY")),
)  # fmt: skip

# contracts/azure-logs-ingestion.md: the HTTP Data Collector API and its shared keys ended in 2026
_REPLACED = "set AZURE_DCE_ENDPOINT, AZURE_DCR_ID and AZURE_STREAM_NAME instead: Logs Ingestion knows no shared keys"
RETIRED = dict.fromkeys(("AZURE_WORKSPACE_ID", "AZURE_SHARED_KEY"), _REPLACED)

_NUMBER = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def read(env: Environment, report: Report) -> dict[str, Leaf]:
    """What is set, by name, as it is typed in YAML; wrong values are problems and left out."""
    found = {}
    for variable in VARIABLES:
        text = env.values.get(variable.name, "")
        text = text if variable.kind is Kind.TEXT else text.strip()
        if text:  # empty counts as unset, as in ${env:NAME:-default}
            written = _READERS[variable.kind](variable, text)
            if written is None:
                report.problem(env.place(variable.name), variable.name, f"expected {variable.kind.value}")
            else:
                found[variable.name] = written
    return {name: _placed(leaf, name, env.place(name)) for name, leaf in found.items()}


def explain(env: Environment, report: Report) -> None:
    """Variables that are set and do not do what their names say."""
    for variable in VARIABLES:
        if not variable.key and env.values.get(variable.name):
            report.warning(env.place(variable.name), variable.name, f"has {variable.sentence.replace('`', '')}")
    for name, instead in RETIRED.items():
        if env.values.get(name):
            report.problem(env.place(name), name, "belongs to an API that has ended", instead)
    for absent in ABSENT:
        for name in absent.asking:
            if env.values.get(name) and TRUTHS.get(env.values[name].strip().lower(), True):
                report.warning(env.place(name), name, f"has no effect: this version has no destination {absent.title}")


def absent(word: str) -> Absent | None:
    """The destination that a SIEM_TYPE means and that is not there."""
    return next((one for one in ABSENT if word in one.words), None)


def ignored(env: Environment, used: Collection[str], report: Report) -> None:
    """Beside a file the variables mean nothing: those that no expression asks for are told, once."""
    names = [v.name for v in VARIABLES if env.values.get(v.name) and v.name not in used]
    if names:
        said = "set in the environment, without effect beside --config"
        report.warning(Place(), ", ".join(names), said, "write ${env:NAME} where a value is wanted, or unset them")


def reference() -> str:
    """The reference page."""
    rows = [
        f"| `{v.name}` | {f'`{v.key}`' if v.key else 'nothing'} | {v.kind.value} | {v.sentence} |" for v in VARIABLES
    ]
    absent = [f"| {a.title} | {_listed(a.asking)} | {_listed(a.others)} |" for a in ABSENT]
    retired = [f"`{name}` is refused: {instead}." for name, instead in RETIRED.items()]
    return _PAGE.format(rows="\n".join(rows), absent="\n".join(absent), retired="\n".join(retired))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _placed(leaf: Leaf, name: str, place: Place) -> Leaf:
    return Leaf(leaf.value, leaf.text, place, leaf.plain, f"${{env:{name}}}", source=leaf.source)


def _leaf(value: str | int | bool, text: str, source: str = "", *, plain: bool = True) -> Leaf:
    return Leaf(value, text, Place(), plain, source=source or text)


def _text(variable: Variable, text: str) -> Leaf:
    return _leaf(text, text, f"${{env:{variable.name}}}", plain=False)


def _truth(variable: Variable, text: str) -> Leaf | None:
    truth = TRUTHS.get(text.lower())
    if truth is None:
        return None
    word = variable.words[not truth]
    return _leaf(TRUTHS.get(word, word), word)


def _whole(least: int) -> Callable[[Variable, str], Leaf | None]:
    def reader(_: Variable, text: str) -> Leaf | None:
        fits = _NUMBER.fullmatch(text) is not None and int(text) >= least
        return _leaf(int(text), str(int(text))) if fits else None

    return reader


def _seconds(_: Variable, text: str) -> Leaf | None:
    fits = _SECONDS.fullmatch(text) is not None and float(text) > 0
    return _leaf(f"{text}s", f"{text}s") if fits else None


def _destination(_: Variable, text: str) -> Leaf | None:
    word = re.sub(r"[- ]", "_", text.lower())
    word = "splunk" if word == "splunk_hec" else word
    return _leaf(word, word) if word in {"splunk", "file"} or absent(word) else None


_READERS: Mapping[Kind, Callable[[Variable, str], Leaf | None]] = {
    Kind.TEXT: _text,
    Kind.TRUTH: _truth,
    Kind.COUNT: _whole(1),
    Kind.NUMBER: _whole(0),
    Kind.SECONDS: _seconds,
    Kind.DESTINATION: _destination,
}

_PAGE = """\
# Environment variables

<!-- printed from otelsiem/config/environment.py -->

Without `--config`, these variables change the [embedded configuration](configuration.md#without-a-file). They may also
stand in a file that `--env-file` names. An empty variable counts as unset. `otelsiem print-config` shows the YAML that
they stand for. With `--config` they have no effect, except where the file asks for one with `${{env:NAME}}`.

| variable | stands for | expected | |
|---|---|---|---|
{rows}

`exporters.*` is every exporter of the embedded configuration: `file`, and `splunk_hec` when it is on. True and false
may also be written 1 and 0, yes and no, on and off.

Splunk is on when `SPLUNK_HEC_URL` and `SPLUNK_HEC_TOKEN` are set, unless `SIEM_ENABLED` or `SIEM_SPLUNK_ENABLED` is
false or `SIEM_TYPE` is `file`. When `SIEM_SPLUNK_ENABLED` is true or `SIEM_TYPE` is `splunk`, both must be set.

## Destinations that this version has not got

Their variables are known, so that one of the first column, or `SIEM_TYPE`, gets a warning instead of silence. The
others mean nothing alone.

| destination | warned about | also known |
|---|---|---|
{absent}

{retired}
"""
