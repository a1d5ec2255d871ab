"""Exporters by name: settings from the environment or a configuration file, and `opentelemetry-instrument`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs.export import LogRecordExporter

from otelsiem.model.errors import ConfigError
from otelsiem.model.variables import LIBRARY, VARIABLES
from otelsiem.sdk.entry import DatadogEntry, Entry, FileEntry, SplunkHecEntry
from otelsiem.sdk.environment import read
from otelsiem.sdk.ready import READY

URL, TOKEN = "https://splunk.example.com:8088", "b0e4-never-to-be-shown"
SPLUNK = {"SPLUNK_HEC_URL": URL, "SPLUNK_HEC_TOKEN": TOKEN}
KEY = "0" * 32
MAPPED: dict[str, Any] = {"processors": {"severity": {}}}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(("OTELSIEM_", "SPLUNK_", "DATADOG_", "SIEM_", "OTEL_")):
            monkeypatch.delenv(name)


def test_there_is_an_entry_for_every_ready_class() -> None:
    found = {point.name: point for point in entry_points(group="opentelemetry_logs_exporter")}
    ours = {name: point.load() for name, point in found.items() if name.startswith("otelsiem_")}
    assert {name.removeprefix("otelsiem_") for name in ours} == {one.destination for one in READY}
    for name, one in ours.items():
        assert issubclass(one, LogRecordExporter)
        assert name == f"otelsiem_{one.destination}"


GOOD: tuple[tuple[str, dict[str, str], dict[str, Any]], ...] = (
    ("splunk_hec", SPLUNK, {"endpoint": URL, "token": TOKEN, **MAPPED}),
    (
        "splunk_hec",
        {"OTELSIEM_SPLUNK_HEC_ENDPOINT": "https://a:8088, https://b:8088", "OTELSIEM_SPLUNK_HEC_TOKEN": TOKEN},
        {"endpoint": ["https://a:8088", "https://b:8088"], "token": TOKEN, **MAPPED},
    ),
    (
        "splunk_hec",
        {
            **SPLUNK,
            "SPLUNK_VERIFY_SSL": "no",
            "SIEM_TIMEOUT_SECONDS": "2.5",
            "SIEM_COMPRESS_PAYLOADS": "false",
            "SIEM_BATCH_SIZE": "7",
            "SIEM_SPLUNK_ENABLED": "false",
        },
        {
            "endpoint": URL,
            "token": TOKEN,
            "tls": {"insecure_skip_verify": True},
            "timeout": "2.5s",
            "compression": "none",
            **MAPPED,
        },
    ),
    (
        "datadog",
        {
            "DATADOG_API_KEY": KEY,
            "DATADOG_TAGS": "team:iam,tier:1",
            "DATADOG_RATE_LIMIT_PER_SECOND": "5",
            "DATADOG_RATE_LIMIT_BURST": "10",
        },
        {"api": {"key": KEY}, "tags": "team:iam,tier:1", "rate": 5.0, "burst": 10.0, **MAPPED},
    ),
    (
        "datadog",
        {"OTELSIEM_DATADOG_API__KEY": KEY, "OTELSIEM_DATADOG_HEADERS": "X-Team=iam, X-B = c=d"},
        {"api": {"key": KEY}, "headers": {"X-Team": "iam", "X-B": "c=d"}, **MAPPED},
    ),
    (
        "file",
        {
            "OTELSIEM_FILE_PATH": "/var/log/a.jsonl",
            "OTELSIEM_FILE_ROTATION__MAX_MEGABYTES": "5",
            "OTELSIEM_JOURNAL": "audit-journal",
            "OTELSIEM_EXPORT_TIMEOUT": "3",
            "OTELSIEM_SEVERITY": "false",
            "OTELSIEM_CONSTITUTION": "abc",
        },
        {
            "path": "/var/log/a.jsonl",
            "rotation": {"max_megabytes": "5"},
            "journal": "audit-journal",
            "export_timeout": "3",
            "processors": {"constitution": {"hash": "abc"}},
        },
    ),
    (
        "file",
        {
            "OTELSIEM_FILE_PATH": "a.jsonl",
            "OTELSIEM_FILE_JOURNAL": "mine",
            "OTELSIEM_JOURNAL": "all",
            "OTELSIEM_FILE_MATCH__EVENTS": "auth*",
            "OTELSIEM_PROCESSORS": '{"constitution": {"hash": "abc", "on_mismatch": "reject"}}',
            "OTELSIEM_FILE_CEF": "",
        },
        {
            "path": "a.jsonl",
            "journal": "mine",
            "match": {"events": ["auth*"]},
            "processors": {"constitution": {"hash": "abc", "on_mismatch": "reject"}},
        },
    ),
)


@pytest.mark.parametrize(("kind", "env", "settings"), GOOD)
def test_what_variables_say(kind: str, env: dict[str, str], settings: dict[str, Any]) -> None:
    found = read(kind, {**env, "HOME": "/root", "OTELSIEM_PEERS": "skip", "OTELSIEM_KAFKA_TOPIC": "another's"})
    assert (found.settings, found.problems) == (settings, [])


@pytest.mark.parametrize(("kind", "env", "settings"), GOOD)
def test_exporters_are_made_of_it(
    kind: str, env: dict[str, str], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    made = {one.destination: one for one in Entry.__subclasses__()}[kind]()
    assert len(made._processors) == len(settings["processors"])
    made.shutdown()


def test_every_variable_of_a_destination_reaches_its_exporter() -> None:
    """One table for gateway and application: a row that is added to it works here, too."""
    for variable in VARIABLES:
        kind, _, key = variable.key.removeprefix("exporters.").partition(".")
        if kind in {"splunk_hec", "datadog"} and key != "enabled":
            found = read(kind, {variable.name: "true" if "false" in variable.kind.value else "1"})
            assert variable.name in found.origins.values(), variable.name


WRONG: tuple[tuple[type[Entry], dict[str, str], list[str]], ...] = (
    (
        SplunkHecEntry,
        {},
        [
            "SPLUNK_HEC_URL or OTELSIEM_SPLUNK_HEC_ENDPOINT: is missing",
            "SPLUNK_HEC_TOKEN or OTELSIEM_SPLUNK_HEC_TOKEN: is missing (the HEC token)",
        ],
    ),
    (SplunkHecEntry, {**SPLUNK, "SPLUNK_HEC_URL": "splunk:8088"}, ["SPLUNK_HEC_URL: must begin with http"]),
    (
        SplunkHecEntry,
        {**SPLUNK, "OTELSIEM_SPLUNK_HEC_INDX": "a", "SPLUNK_VERIFY_SSL": "perhaps"},
        [
            "SPLUNK_VERIFY_SSL: expected true or false",
            "OTELSIEM_SPLUNK_HEC_INDX: is no variable of ours (did you mean 'OTELSIEM_SPLUNK_HEC_INDEX'?)",
        ],
    ),
    (
        SplunkHecEntry,
        {**SPLUNK, "OTELSIEM_SPLUNK_HEC_TOKEN": "another"},
        ["OTELSIEM_SPLUNK_HEC_TOKEN: contradicts SPLUNK_HEC_TOKEN (unset one of them)"],
    ),
    (
        SplunkHecEntry,
        {**SPLUNK, "OTELSIEM_SPLUNK_HEC_MAX_REQUEST_BYTES": "many", "OTELSIEM_EXPORT_TIMEOUT": "soon"},
        [
            "OTELSIEM_EXPORT_TIMEOUT: expected a number of seconds, more than 0",
            "OTELSIEM_SPLUNK_HEC_MAX_REQUEST_BYTES: expected a whole number",
        ],
    ),
    (
        DatadogEntry,
        {"OTELSIEM_DATADOG_API__KYE": KEY},
        [
            "OTELSIEM_DATADOG_API__KYE: is no variable of ours (did you mean 'OTELSIEM_DATADOG_API__KEY'?)",
            "DATADOG_API_KEY or OTELSIEM_DATADOG_API__KEY: is missing",
        ],
    ),
    (
        FileEntry,
        {
            "OTELSIEM_FILE_PATH": "a",
            "OTELSIEM_PROCESSORS": "severity",
            "OTELSIEM_CONSTITUTION": "abc",
        },
        [
            "OTELSIEM_CONSTITUTION: contradicts OTELSIEM_PROCESSORS (unset one of them)",
            "OTELSIEM_PROCESSORS: expected JSON: a mapping",
        ],
    ),
    (
        FileEntry,
        {"OTELSIEM_FILE_PATH": "a", "OTELSIEM_JORNAL": "b", "OTELSIEM_PEERS": "skip", "OTELSIEM_PEERS_CACHE": "c"},
        ["OTELSIEM_JORNAL: is no variable of ours (did you mean 'OTELSIEM_JOURNAL'?)"],
    ),
    (
        FileEntry,
        {"OTELSIEM_FILE_PATH": "a", "OTELSIEM_CONSTITUTION": "two words"},
        ["OTELSIEM_CONSTITUTION: a hash is one word, without blanks"],
    ),
    (
        FileEntry,
        {"OTELSIEM_FILE_PATH": "a", "OTELSIEM_PROCESSORS": '{"sevrity": {}}'},
        ["OTELSIEM_PROCESSORS: is no processor (did you mean 'severity'?)"],
    ),
)


@pytest.mark.parametrize(("entry", "env", "said"), WRONG)
def test_p8_a_wrong_variable_is_named(
    entry: type[Entry], env: dict[str, str], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as wrong:
        entry()
    assert len(wrong.value.problems) == len(said), str(wrong.value)
    for words in said:
        assert words in str(wrong.value)
    assert TOKEN not in str(wrong.value)


def test_settings_of_a_configuration_file_stand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELSIEM_FILE_PATH", "a.jsonl")
    with pytest.raises(ConfigError, match=r"^otelsiem_file\.path: is missing") as wrong:
        FileEntry(pth="b.jsonl")
    assert "otelsiem_file.pth: is no setting (did you mean 'path'?)" in str(wrong.value)


# --- for real ----------------------------------------------------------------------------------------------------

APPLICATION = """
from opentelemetry._logs import LogRecord, get_logger
get_logger("shop").emit(LogRecord(event_name="authentication_failure", attributes={"user.id": "u-7"}))
print("the application went on")
"""
CONFIGURATION = """
file_format: "1.0"
logger_provider:
  processors:
    - batch:
        exporter:
          otelsiem_file:
            path: ${OUT}
            processors: {severity: {}, constitution: {hash: cdd01ef066bc6cf2}}
"""
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "PYTHONWARNINGS": "ignore"}


def instrumented(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [str(INSTRUMENT), sys.executable, "-c", APPLICATION]
    told = {**os.environ, **QUIET, **env}
    return subprocess.run(argv, env=told, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_opentelemetry_instrument_needs_no_code(tmp_path: Path) -> None:
    done = instrumented(
        tmp_path,
        OTEL_LOGS_EXPORTER="otelsiem_file",
        OTELSIEM_FILE_PATH="audit.jsonl",
        OTELSIEM_JOURNAL="audit-journal",
        OTELSIEM_CONSTITUTION="cdd01ef066bc6cf2",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "the application went on\n", "")
    (event,) = written(tmp_path / "audit.jsonl")
    assert (event["user_id"], event["severity_number"]) == ("u-7", 13)
    assert event["constitutional_hash"] == "cdd01ef066bc6cf2"


def test_p8_opentelemetry_instrument_says_what_is_missing(tmp_path: Path) -> None:
    """It catches what an exporter raises, says it with a traceback, and starts the application without telemetry."""
    done = instrumented(tmp_path, OTEL_LOGS_EXPORTER="otelsiem_splunk_hec", SPLUNK_HEC_URL=URL)
    assert (done.returncode, done.stdout) == (0, "the application went on\n")
    assert "Failed to auto initialize OpenTelemetry" in done.stderr
    assert "SPLUNK_HEC_TOKEN or OTELSIEM_SPLUNK_HEC_TOKEN: is missing (the HEC token)" in done.stderr


@pytest.mark.skipif(
    tuple(map(int, version("opentelemetry-sdk").split(".")[:2])) < (1, 43), reason="OTEL_CONFIG_FILE came with 1.43"
)
def test_a_configuration_file_names_it_too(tmp_path: Path) -> None:
    (tmp_path / "otel.yaml").write_text(CONFIGURATION, "utf-8")
    done = instrumented(tmp_path, OTEL_CONFIG_FILE="otel.yaml", OUT=str(tmp_path / "audit.jsonl"))
    assert (done.returncode, done.stdout) == (0, "the application went on\n"), done.stderr
    (event,) = written(tmp_path / "audit.jsonl")
    assert (event["user_id"], event["constitutional_hash"]) == ("u-7", "cdd01ef066bc6cf2")


def test_what_is_for_all_exporters_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/environment.md").read_text("utf-8")
    assert all(f"`{variable.name}`" in page for variable in LIBRARY)
