"""`enabled: false`: as if the component were not there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from otelsiem.config.load import load
from otelsiem.config.model import Config
from otelsiem.config.sources import Sources
from otelsiem.model.errors import ConfigError

TEXT = """\
receivers:
  otlp: {protocols: {http: }}
  otlp/2: {RECEIVER protocols: {grpc: {endpoint: localhost:14317}}}
processors:
  severity: {}
  severity/2: {PROCESSOR rules: []}
exporters:
  file: {path: a.jsonl}
  splunk_hec:
    EXPORTER
    endpoint: https://splunk.example.com:8088
    token: abcd
service:
  pipelines:
    logs: {receivers: [otlp, otlp/2], processors: [severity, severity/2], exporters: [splunk_hec, file]}
"""


def loaded(folder: Path, receiver: str = "", processor: str = "", exporter: str = "", text: str = TEXT) -> Config:
    path = folder / "c.yaml"
    path.write_text(
        text.replace("RECEIVER", receiver and f"enabled: {receiver},")
        .replace("PROCESSOR", processor and f"enabled: {processor},")
        .replace("EXPORTER", exporter and f"enabled: {exporter}")
    )
    return load(Sources.files(path), {"NO": "false"})


def told(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text=text)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


@pytest.mark.parametrize("no", ["false", "'false'", "${env:NO}", "'${env:NO}'"])
def test_what_is_switched_off_is_nowhere(tmp_path: Path, no: str) -> None:
    quoted = no.replace("${env:NO}", '"${env:NO}"') if no.startswith("$") else no  # inside { } YAML wants quotes
    config = loaded(tmp_path, quoted, quoted, no)
    assert (list(config.receivers), list(config.processors), list(config.exporters)) == (
        ["otlp"],
        ["severity"],
        ["file"],
    )
    pipeline = config.service.pipelines["logs"]
    assert (pipeline.receivers, pipeline.processors, pipeline.exporters) == (["otlp"], ["severity"], ["file"])
    assert config.warnings == ()


def test_what_is_switched_on_is_as_without_the_key(tmp_path: Path) -> None:
    plain, on = loaded(tmp_path), loaded(tmp_path, "true", "null", "")
    assert dataclasses.replace(on, warnings=()) == dataclasses.replace(plain, warnings=())
    assert len(on.exporters) == 2


def test_a_listener_that_is_switched_off_takes_no_port(tmp_path: Path) -> None:
    text = TEXT.replace("localhost:14317", "localhost:8000")
    with pytest.raises(ConfigError, match=":8000 is taken by"):
        loaded(tmp_path, text=text)
    assert loaded(tmp_path, "false", text=text).receivers


def test_p8_its_other_keys_are_still_checked(tmp_path: Path) -> None:
    [line] = told(tmp_path, TEXT.replace("EXPORTER", "enabled: false\n    tokn: x"))
    assert line.startswith("c.yaml:11: exporters.splunk_hec.tokn: is not a key here (did you mean 'token'?)")


@pytest.mark.parametrize(
    ("listed", "off", "line"),
    [
        (
            "exporters: [splunk_hec, file]", {"file: {": "file: {enabled: false, ", "EXPORTER": "enabled: false"},
            "exporters: nothing is left: splunk_hec, file have enabled: false (take the pipeline out, or switch one",
        ),
        (
            "receivers: [otlp, otlp/2]", {"otlp: {": "otlp: {enabled: false, ", "RECEIVER": "enabled: false,"},
            "receivers: nothing is left: otlp, otlp/2 have enabled: false (take the pipeline out, or switch one",
        ),
    ],
)  # fmt: skip
def test_p8_a_pipeline_that_has_nothing_left_says_why(
    tmp_path: Path, listed: str, off: dict[str, str], line: str
) -> None:
    assert listed in TEXT
    text = TEXT
    for old, new in off.items():
        text = text.replace(old, new, 1)
    [found] = told(tmp_path, text.replace("RECEIVER", "").replace("PROCESSOR", "").replace("EXPORTER", ""))
    assert found.startswith("c.yaml:")
    assert f": service.pipelines.logs.{line}" in found


@pytest.mark.parametrize("wrong", ["maybe", "[false]", "7"])
def test_p8_the_switch_itself_is_checked(tmp_path: Path, wrong: str) -> None:
    [line] = told(tmp_path, TEXT.replace("EXPORTER", f"enabled: {wrong}"))
    assert line.startswith("c.yaml:10: exporters.splunk_hec.enabled: expected true or false")


def test_a_misspelt_switch_is_not_overlooked(tmp_path: Path) -> None:
    [line] = told(tmp_path, TEXT.replace("RECEIVER", "enabld: false,"))
    assert line.startswith("c.yaml:3: receivers.otlp/2.enabld: is not a key here (did you mean 'enabled'?)")
    [line] = told(tmp_path, TEXT.replace("EXPORTER", "enabld: false"))
    assert "exporters.splunk_hec.enabld: is not a key here (did you mean 'enabled'?)" in line
