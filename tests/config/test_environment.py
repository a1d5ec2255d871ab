"""The variables of a gateway without a file: each by itself with its effect, and the page that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otelsiem.config import discover
from otelsiem.config.environment import reference
from otelsiem.config.load import load
from otelsiem.config.model import Config
from otelsiem.config.sources import Sources
from otelsiem.destinations.datadog import Datadog
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.errors import ConfigError
from otelsiem.model.variables import ABSENT, RETIRED, VARIABLES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "environment.md"
DATADOG = {"DATADOG_API_KEY": "0123456789abcdef0123456789abcdef"}
SPLUNK = {"SPLUNK_HEC_URL": "https://splunk:8088", "SPLUNK_HEC_TOKEN": "t0ken"}
SECRET = "hunter22-planted"


def configured(**env: str) -> Config:
    return load(Sources(), env)


def splunk(config: Config) -> SplunkHec:
    destination = config.exporters["splunk_hec"].destination
    assert isinstance(destination, SplunkHec)
    return destination


def told(**env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        configured(**env)
    return [str(problem) for problem in caught.value.problems]


def said(config: Config) -> list[str]:
    return [str(warning) for warning in config.warnings]


def test_the_url_and_the_token_turn_splunk_on() -> None:
    config = configured(**SPLUNK)
    assert "https://splunk:8088" in str(splunk(config).endpoint)
    assert splunk(config).token.get_secret_value() == "t0ken"
    assert config.service.pipelines["logs"].exporters == ["file", "splunk_hec"]
    assert config.warnings == ()


def test_the_key_alone_turns_datadog_on() -> None:
    config = configured(**DATADOG)
    destination = config.exporters["datadog"].destination
    assert isinstance(destination, Datadog)
    assert destination.api.key.get_secret_value() == DATADOG["DATADOG_API_KEY"]
    assert destination.api.site == "datadoghq.com"
    assert config.service.pipelines["logs"].exporters == ["file", "datadog"]
    assert config.warnings == ()


def test_both_are_on_at_once() -> None:
    config = configured(**SPLUNK, **DATADOG)
    assert config.service.pipelines["logs"].exporters == ["file", "splunk_hec", "datadog"]


def value(config: Config, key: str, exporter: str = "splunk_hec") -> Any:
    """What stands at a key of an exporter, in whichever half of it."""
    made, *steps = config.exporters[exporter], *key.split(".")
    found: Any = made.destination if hasattr(made.destination, steps[0]) else made.settings
    for step in steps:
        found = getattr(found, step)
    return found


@pytest.mark.parametrize(
    ("name", "text", "key", "expected"),
    [
        ("SPLUNK_INDEX", "audit", "index", "audit"),
        ("SPLUNK_INDEX", "0123", "index", "0123"),
        ("SPLUNK_SOURCETYPE", "x", "sourcetype", "x"),
        ("SPLUNK_VERIFY_SSL", "False", "tls.insecure_skip_verify", True),
        ("SPLUNK_VERIFY_SSL", "on", "tls.insecure_skip_verify", False),
        ("SPLUNK_VERIFY_SSL", "", "tls.insecure_skip_verify", False),
        ("SIEM_BATCH_SIZE", "500", "sending_queue.batch.max_size", 500),
        ("SIEM_BATCH_TIMEOUT_SECONDS", "0.25", "sending_queue.batch.flush_timeout", 0.25),
        ("SIEM_TIMEOUT_SECONDS", " 7 ", "timeout", 7),
        ("SIEM_COMPRESS_PAYLOADS", "false", "compression", "none"),
        ("SIEM_COMPRESS_PAYLOADS", "1", "compression", "gzip"),
        ("HTTPX_MAX_CONNECTIONS", "3", "max_conns_per_host", 3),
        ("HTTPX_MAX_KEEPALIVE", "2", "max_idle_conns", 2),
    ],
)
def test_each_variable_has_its_effect(name: str, text: str, key: str, expected: object) -> None:
    config = configured(**SPLUNK, **{name: text})
    assert value(config, key) == expected
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("name", "text", "key", "expected"),
    [
        ("DATADOG_SITE", "datadoghq.eu", "api.site", "datadoghq.eu"),
        ("DATADOG_SERVICE", "auth", "service", "auth"),
        ("DATADOG_SOURCE", "acgs", "source", "acgs"),
        ("DATADOG_ENV", "prod", "env", "prod"),
        ("DATADOG_VERSION", "1.10", "version", "1.10"),
        ("DATADOG_TAGS", "team:iam, tier:1", "tags", ("team:iam", "tier:1")),
        ("DATADOG_TAGS", "team", "tags", ("team",)),
        ("DATADOG_RATE_LIMIT_PER_SECOND", "0.5", "rate_limit.events_per_second", 0.5),
        ("DATADOG_RATE_LIMIT_PER_SECOND", "100", "rate_limit.burst", None),
        ("SIEM_BATCH_SIZE", "500", "sending_queue.batch.max_size", 500),
        ("SIEM_BATCH_TIMEOUT_SECONDS", "0.25", "sending_queue.batch.flush_timeout", 0.25),
        ("SIEM_TIMEOUT_SECONDS", "7", "timeout", 7),
        ("SIEM_COMPRESS_PAYLOADS", "false", "compression", "none"),
        ("HTTPX_MAX_CONNECTIONS", "3", "max_conns_per_host", 3),
        ("HTTPX_MAX_KEEPALIVE", "2", "max_idle_conns", 2),
    ],
)
def test_each_variable_of_datadog_has_its_effect(name: str, text: str, key: str, expected: object) -> None:
    config = configured(**DATADOG, **{name: text})
    assert value(config, key, "datadog") == expected
    assert config.warnings == ()


def test_a_burst_belongs_to_a_rate() -> None:
    rate = {"DATADOG_RATE_LIMIT_PER_SECOND": "10", "DATADOG_RATE_LIMIT_BURST": "50"}
    assert value(configured(**DATADOG, **rate), "rate_limit.burst", "datadog") == 50
    del rate["DATADOG_RATE_LIMIT_PER_SECOND"]
    config = configured(**DATADOG, **rate)
    assert said(config) == ["DATADOG_RATE_LIMIT_BURST: has no effect without DATADOG_RATE_LIMIT_PER_SECOND"]
    assert config.exporters["datadog"].settings.rate_limit is None


EACH = {v.name: v.key.removeprefix("exporters.<destination>.") for v in VARIABLES if ".<destination>." in v.key}


@pytest.mark.parametrize("name", [name for name, key in EACH.items() if key != "enabled"])
def test_what_is_meant_for_every_destination_reaches_both_and_not_the_file(name: str) -> None:
    text = "false" if name == "SIEM_COMPRESS_PAYLOADS" else "3"
    config = configured(**SPLUNK, **DATADOG, **{name: text})
    found = [value(config, EACH[name], exporter) for exporter in ("splunk_hec", "datadog")]
    assert found == (["none", "none"] if text == "false" else [3, 3])
    assert config.warnings == ()


def test_what_is_meant_for_every_exporter_reaches_the_file_too() -> None:
    batch = (
        configured(SIEM_BATCH_SIZE="5", SIEM_BATCH_TIMEOUT_SECONDS="3").exporters["file"].settings.sending_queue.batch
    )
    assert (batch.max_size, batch.flush_timeout) == (5, 3)


@pytest.mark.parametrize(
    ("env", "on"),
    [
        ({"SIEM_ENABLED": "false"}, False),
        ({"SIEM_ENABLED": "true"}, True),
        ({"SIEM_ENABLED": "0", "SIEM_SPLUNK_ENABLED": "true", "SIEM_TYPE": "splunk"}, False),
        ({"SIEM_SPLUNK_ENABLED": "no"}, False),
        ({"SIEM_SPLUNK_ENABLED": "yes", "SIEM_TYPE": "file"}, True),
        ({"SIEM_SPLUNK_ENABLED": "no", "SIEM_TYPE": "splunk"}, False),
        ({"SIEM_TYPE": "file"}, False),
        ({"SIEM_TYPE": "Splunk-HEC"}, True),
        ({"SIEM_TYPE": ""}, True),
    ],
)
def test_the_switches_decide_about_splunk(env: dict[str, str], on: bool) -> None:
    config = configured(**SPLUNK, **env)
    assert ("splunk_hec" in config.exporters) is on
    assert "file" in config.exporters
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("env", "on"),
    [
        ({}, ["splunk_hec", "datadog"]),
        ({"SIEM_ENABLED": "false"}, []),
        ({"SIEM_ENABLED": "false", "SIEM_DATADOG_ENABLED": "true", "SIEM_TYPE": "both"}, []),
        ({"SIEM_TYPE": "datadog"}, ["datadog"]),
        ({"SIEM_TYPE": "Splunk"}, ["splunk_hec"]),
        ({"SIEM_TYPE": "file"}, []),
        ({"SIEM_TYPE": "both"}, ["splunk_hec", "datadog"]),
        ({"SIEM_TYPE": "Datadog, splunk-hec"}, ["splunk_hec", "datadog"]),
        ({"SIEM_TYPE": "datadog,file"}, ["datadog"]),
        ({"SIEM_TYPE": "datadog", "SIEM_SPLUNK_ENABLED": "yes"}, ["splunk_hec", "datadog"]),
        ({"SIEM_TYPE": "both", "SIEM_DATADOG_ENABLED": "no"}, ["splunk_hec"]),
        ({"SIEM_DATADOG_ENABLED": "0"}, ["splunk_hec"]),
        ({"SIEM_DATADOG_ENABLED": "1", "SIEM_SPLUNK_ENABLED": "0"}, ["datadog"]),
    ],
)
def test_the_switches_decide_about_each(env: dict[str, str], on: list[str]) -> None:
    config = configured(**SPLUNK, **DATADOG, **env)
    assert [id_ for id_ in config.service.pipelines["logs"].exporters if id_ != "file"] == on
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("env", "lines"),
    [
        ({"SPLUNK_HEC_URL": "https://s"}, ["SPLUNK_HEC_TOKEN: is missing, while SPLUNK_HEC_URL is set"]),
        ({"SPLUNK_HEC_TOKEN": SECRET}, ["SPLUNK_HEC_URL: is missing, while SPLUNK_HEC_TOKEN is set"]),
        (
            {"SIEM_TYPE": "splunk"},
            ["SPLUNK_HEC_URL: is missing, while SIEM_TYPE is set", "SPLUNK_HEC_TOKEN: is missing, while SIEM_TYPE"],
        ),
        (
            {"SIEM_SPLUNK_ENABLED": "1", "SPLUNK_HEC_URL": "https://s"},
            ["SPLUNK_HEC_TOKEN: is missing, while SIEM_SPLUNK_ENABLED is set"],
        ),
        ({"SIEM_TYPE": "datadog"}, ["DATADOG_API_KEY: is missing, while SIEM_TYPE is set"]),
        ({"SIEM_DATADOG_ENABLED": "1"}, ["DATADOG_API_KEY: is missing, while SIEM_DATADOG_ENABLED is set"]),
        (
            {"SIEM_TYPE": "both", **SPLUNK},
            ["DATADOG_API_KEY: is missing, while SIEM_TYPE is set"],
        ),
        ({"AZURE_SHARED_KEY": SECRET}, ["AZURE_SHARED_KEY: belongs to an API that has ended (set AZURE_DCE_ENDPOINT"]),
        ({"AZURE_WORKSPACE_ID": SECRET}, ["AZURE_WORKSPACE_ID: belongs to an API that has ended (set AZURE_DCE_"]),
    ],
)
def test_p8_what_is_missing_or_has_ended_is_told(env: dict[str, str], lines: list[str]) -> None:
    found = told(**env)
    assert len(found) == len(lines)
    assert all(one.startswith(line) for one, line in zip(found, lines, strict=True)), found
    assert SECRET not in "".join(found)


@pytest.mark.parametrize("variable", [v for v in VARIABLES if v.kind.name != "TEXT"], ids=lambda v: str(v.name))
@pytest.mark.parametrize("wrong", [SECRET, "-1", "0x10", "1e3"])
def test_p8_a_wrong_value_names_its_variable_and_not_itself(variable: Any, wrong: str) -> None:
    [line] = told(**SPLUNK, **{variable.name: wrong})
    assert line == f"{variable.name}: expected {variable.kind.value}"


@pytest.mark.parametrize("name", ["SIEM_BATCH_SIZE", "SIEM_TIMEOUT_SECONDS", "SIEM_BATCH_TIMEOUT_SECONDS"])
def test_p8_nothing_is_too_little(name: str) -> None:
    assert len(told(**{name: "0"})) == 1


def test_p8_all_wrong_values_are_told_at_once() -> None:
    assert len(told(SIEM_BATCH_SIZE="x", SIEM_ENABLED="x", SPLUNK_VERIFY_SSL="x", SPLUNK_HEC_URL="https://x")) == 4


def test_p8_a_text_that_does_not_fit_names_its_variable() -> None:
    [line] = told(SPLUNK_HEC_URL=SECRET, SPLUNK_HEC_TOKEN="x")
    assert "${env:SPLUNK_HEC_URL}" in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("SIEM_MAX_QUEUE_SIZE", "service.journal.max_size_mib"),
        ("SIEM_RETRY_ATTEMPTS", "retry_on_failure.max_retries"),
        ("DATADOG_APP_KEY", "logs are sent with the API key"),
    ],
)
def test_a_variable_without_a_counterpart_is_accepted_and_explained(name: str, meaning: str) -> None:
    config = configured(**{name: "5"})
    [line] = said(config)
    assert line.startswith(f"{name}: has no effect: ")
    assert meaning in line
    retry = config.exporters["file"].settings.retry_on_failure
    assert (retry.max_retries, retry.max_elapsed_time) == (None, 0), "it must never lose data"


@pytest.mark.parametrize("name", [name for one in ABSENT for name in one.asking])
def test_a_destination_that_is_not_there_is_told(name: str) -> None:
    [line] = said(configured(**{name: "true"}))
    assert line.startswith(f"{name}: has no effect: this version has no destination ")


@pytest.mark.parametrize("word", [word for one in ABSENT for word in one.words])
def test_a_type_that_is_not_there_is_told_and_splunk_stays(word: str) -> None:
    config = configured(**SPLUNK, SIEM_TYPE=word)
    [line] = said(config)
    assert line.startswith("SIEM_TYPE: has no effect: this version has no destination ")
    assert "splunk_hec" in config.exporters


def test_the_other_variables_of_an_absent_destination_say_nothing() -> None:
    assert configured(**dict.fromkeys((name for one in ABSENT for name in one.others), "x")).warnings == ()
    assert configured(SIEM_DATADOG_ENABLED="false").warnings == ()


def test_a_type_beside_one_that_is_not_there_is_on() -> None:
    config = configured(**SPLUNK, **DATADOG, SIEM_TYPE="datadog,gcp")
    assert config.service.pipelines["logs"].exporters == ["file", "datadog"]
    [line] = said(config)
    assert line.startswith("SIEM_TYPE: has no effect: this version has no destination Google")


def test_no_absent_destination_exists() -> None:
    """Whoever builds one gives it its variables."""
    assert not [one.type for one in ABSENT if discover.destination(one.type)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SIEM_ENABLE", "SIEM_ENABLED"),
        ("SPLUNK_HEC_TOKN", "SPLUNK_HEC_TOKEN"),
        ("DATADOG_API_KYE", "DATADOG_API_KEY"),
        ("OTELSIEM_CONIFG", "OTELSIEM_CONFIG"),
    ],
)
def test_p8_a_slip_in_a_name_is_told(name: str, meant: str, tmp_path: Path) -> None:
    [line] = said(configured(**{name: SECRET}))
    assert line == f"{name}: is not a variable here (did you mean {meant!r}?)"
    (tmp_path / "v.env").write_text(f"\n{name}={SECRET}\n")
    [line] = said(load(Sources(env_files=(tmp_path / "v.env",)), {}))
    assert line.startswith(f"{tmp_path / 'v.env'}:2: {name}: is not a variable here")
    assert said(configured(**{name: ""})) == []


@pytest.mark.parametrize(
    "name",
    ["SPLUNK_HOME", "SPLUNK_REALM", "SPLUNK_ACCESS_TOKEN", "DATADOG_HOST", "DATADOG_TRACE_ENABLED",
     "OTELSIEM_SPLUNK_HEC_TOKEN", "OTELSIEM_JOURNAL", "OTELSIEM_TOKEN", "SPLUNK", "HOME"],
)  # fmt: skip
def test_a_variable_of_another_program_says_nothing(name: str) -> None:
    assert said(configured(**{name: "x"})) == []


def test_what_waits_for_splunk_says_so() -> None:
    assert said(configured(SPLUNK_INDEX="x", SIEM_BATCH_SIZE="5")) == [
        "SPLUNK_INDEX: has no effect without SPLUNK_HEC_URL and SPLUNK_HEC_TOKEN"
    ]
    assert configured(SPLUNK_INDEX="x", SIEM_ENABLED="false").warnings == ()
    assert said(configured(**SPLUNK, DATADOG_SITE="datadoghq.eu", DATADOG_RATE_LIMIT_BURST="5")) == [
        "DATADOG_SITE: has no effect without DATADOG_API_KEY",
        "DATADOG_RATE_LIMIT_BURST: has no effect without DATADOG_API_KEY",
    ]


def test_p8_a_site_that_cannot_be_one_names_its_variable() -> None:
    [line] = told(**DATADOG, DATADOG_SITE="app.datadoghq.com")
    assert "exporters.datadog.api.site" in line
    assert "DATADOG_SITE" in line


def test_p8_an_application_key_is_told_from_an_api_key() -> None:
    [line] = told(DATADOG_API_KEY="0123456789abcdef0123456789abcdef01234567")
    assert "is an application key" in line
    assert "01234567" not in line


# beside a file


def test_beside_a_file_they_mean_nothing_which_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "receivers: {otlp: {protocols: {http: }}}\n"
        "exporters: {splunk_hec: {endpoint: '${env:SPLUNK_HEC_URL}', token: '${env:T:-${SPLUNK_HEC_TOKEN}}'}}\n"
        "service: {pipelines: {logs: {receivers: [otlp], exporters: [splunk_hec]}}}\n"
    )
    config = load(Sources.files(path), {**SPLUNK, "SIEM_BATCH_SIZE": "wrong", "SIEM_TYPE": "x", "GCP_PROJECT_ID": "x"})
    [line] = said(config)
    assert line.startswith("SIEM_TYPE, SIEM_BATCH_SIZE: set in the environment, without effect beside --config")
    assert config.exporters["splunk_hec"].settings.sending_queue.batch.max_size is None
    assert load(Sources.files(path), SPLUNK).warnings == ()


def test_settings_on_the_command_line_win_over_variables() -> None:
    config = load(Sources(sets=("exporters.splunk_hec.index=set",)), {**SPLUNK, "SPLUNK_INDEX": "variable"})
    assert splunk(config).index == "set"


# the table


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == reference(), "print otelsiem.config.environment.reference() to it again"


def test_every_variable_of_the_schema_is_known() -> None:
    names = {v.name for v in VARIABLES} | {n for one in ABSENT for n in (*one.asking, *one.others)} | set(RETIRED)
    assert names >= {
        "SIEM_ENABLED", "SIEM_TYPE", "SIEM_SPLUNK_ENABLED", "SIEM_DATADOG_ENABLED", "SIEM_BATCH_SIZE",
        "SIEM_BATCH_TIMEOUT_SECONDS", "SIEM_MAX_QUEUE_SIZE", "SIEM_RETRY_ATTEMPTS", "SIEM_TIMEOUT_SECONDS",
        "SIEM_COMPRESS_PAYLOADS", "HTTPX_MAX_CONNECTIONS", "HTTPX_MAX_KEEPALIVE", "SPLUNK_HEC_URL",
        "SPLUNK_HEC_TOKEN", "SPLUNK_INDEX", "SPLUNK_SOURCETYPE", "SPLUNK_VERIFY_SSL", "DATADOG_API_KEY",
        "DATADOG_APP_KEY", "DATADOG_SITE", "DATADOG_SERVICE", "DATADOG_SOURCE", "DATADOG_ENV", "DATADOG_VERSION",
        "DATADOG_TAGS", "DATADOG_RATE_LIMIT_PER_SECOND", "DATADOG_RATE_LIMIT_BURST", "AWS_REGION",
        "CLOUDWATCH_LOG_GROUP", "CLOUDWATCH_LOG_STREAM", "AWS_USE_INSTANCE_ROLE", "AZURE_DCE_ENDPOINT",
        "AZURE_DCR_ID", "AZURE_STREAM_NAME", "AZURE_WORKSPACE_ID", "AZURE_SHARED_KEY", "GCP_PROJECT_ID",
        "GCP_LOG_NAME", "GCP_CREDENTIALS_PATH", "GCP_USE_WORKLOAD_IDENTITY",
    }  # fmt: skip
