"""Exact bytes of every format for every case. `pytest tests/golden --update-golden` writes them; then read the diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelsiem.destinations.console import Console
from otelsiem.destinations.datadog import Datadog
from otelsiem.destinations.elasticsearch import Elasticsearch
from otelsiem.destinations.file import File
from otelsiem.destinations.kafka import Kafka
from otelsiem.destinations.otlp import Otlp
from otelsiem.destinations.otlp_http import OtlpHttp
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.destinations.syslog import Syslog
from otelsiem.destinations.webhook import Webhook
from otelsiem.formats import ecs, ocsf
from otelsiem.model.destination import Destination
from otelsiem.model.secret import Secret
from tests.golden.cases import AT, CASES
from tests.golden.kafka_readable import Readable
from tests.golden.lines_of import lines_of

DATA = Path(__file__).parent / "data"

HEC = SplunkHec(
    endpoint="https://splunk.example.com:8088",
    token=Secret("00000000-0000-0000-0000-000000000000"),
    index="audit-{tenant.id|main}",
    fields=("user.id", "user.roles"),
    compression="none",
)

DATADOG = Datadog.model_validate(
    {"api": {"key": "0" * 32}, "tags": "team:iam,tenant:{tenant.id}", "env": "prod", "compression": "none"}
)

OTLP_JSON = OtlpHttp.model_validate(
    {"endpoint": "https://collector.example.com:4318", "encoding": "json", "compression": "none"}
)

ELASTIC = Elasticsearch.model_validate({"endpoint": "https://es.example.com:9200", "compression": "none"})
ELASTIC_OTEL = Elasticsearch.model_validate(
    {"endpoint": "https://es.example.com:9200", "compression": "none", "mapping": {"mode": "otel"}}
)

WEBHOOK = Webhook.model_validate(
    {
        "url": "https://hooks.example.com",
        "template": """{
          "text": "*{{severity}}* {{event|audit}}: {{message}} (by {{user.email|nobody}}, tenant {{tenant.id|none}})",
          "ts": {{timestamp}}, "score": {{risk_score|0}}, "hash": {{constitutional_hash}}, "detail": {{metadata}},
          "pivots": ["{{agent_id}}", "{{correlation_id}}"]
        }""",
        "body": "array",
        "wrap": "events",
        "escape": "markup",
    }
)

KAFKA = Kafka.model_validate({"brokers": "kafka.example.com"})
KAFKA_RECORDS = Kafka.model_validate(
    {
        "brokers": "kafka.example.com",
        "topic": "audit-{tenant.id|main}",
        "key": "{user.id|nobody}",
        "format": "json",
        "headers": {"team": "iam"},
    }
)

OCSF_OLDER = ocsf.Style(version="1.3.0")

SYSLOG = {"endpoint": "syslog.example.com"}

# format -> (file name extension, what writes it)
FORMATS: dict[str, tuple[str, Destination]] = {
    "json": ("json", File(path="audit.jsonl")),
    "cef": ("txt", File(path="audit.cef", format="cef")),
    "cef1": ("txt", File.model_validate({"path": "audit.cef", "format": "cef", "cef": {"version": 1}})),
    "leef": ("txt", File(path="audit.leef", format="leef")),
    "leef1": ("txt", File.model_validate({"path": "audit.leef", "format": "leef", "leef": {"version": "1.0"}})),
    "hec": ("json", HEC),
    "hec_event": ("json", HEC.model_copy(update={"schema_": "event"})),
    "console": ("txt", Console()),
    "console_color": ("txt", Console(color="always")),
    "datadog": ("json", DATADOG),
    "webhook_template": ("json", WEBHOOK),
    "elasticsearch": ("json", ELASTIC),
    "elasticsearch_otel": ("json", ELASTIC_OTEL),
    "otlp": ("binpb", Otlp.model_validate({"endpoint": "collector.example.com:4317"})),
    "otlp_json": ("json", OTLP_JSON),
    "kafka": ("json", Readable(KAFKA)),
    "kafka_records": ("json", Readable(KAFKA_RECORDS)),
    "ecs": ("json", lines_of(lambda batch, at: ecs.lines(batch, at, ecs.Style()))),
    "ocsf": ("json", lines_of(lambda batch, at: ocsf.lines(batch, at, ocsf.Style()))),
    "rfc5424": ("txt", Syslog.model_validate({**SYSLOG, "structured_data_id": "acgs2@12345"})),
    "rfc3164": ("txt", Syslog.model_validate({**SYSLOG, "protocol": "rfc3164", "facility": "local4"})),
    "syslog_json": ("txt", Syslog.model_validate({**SYSLOG, "format": "json", "bom": True})),
    "ocsf_1.3.0": ("json", lines_of(lambda batch, at: ocsf.lines(batch, at, OCSF_OLDER))),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FORMATS)
def test_golden(name: str, case: str, update_golden: bool) -> None:
    extension, destination = FORMATS[name]
    encoded = destination.encode(CASES[case], AT)
    assert not encoded.rejected
    body = b"".join(payload.body for payload in encoded.payloads)
    file = DATA / name / f"{case}.{extension}"
    if update_golden:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    assert body == file.read_bytes(), f"{file} differs; if that is meant: --update-golden"


def test_every_golden_file_has_a_test() -> None:
    expected = {f"{name}/{case}.{extension}" for name, (extension, _) in FORMATS.items() for case in CASES}
    ours = {f"{file.parent.name}/{file.name}" for name in FORMATS for file in (DATA / name).iterdir()}
    assert ours == expected
