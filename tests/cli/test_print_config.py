"""`print-config`, `--set` and `--env-file` as a person uses them; and a planted secret that no command shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from otelsiem.cli import options
from otelsiem.cli.app import app
from otelsiem.cli.exits import Exit

TEXT = """\
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters:
  splunk_hec:
    endpoint: https://splunk.example.com:8088
    token: ${env:TOKEN}
    headers: {X-Key: typed-5eCr3t-header}
service:
  journal: {directory: DATA}
  admin: {endpoint: "127.0.0.1:1"}
  pipelines: {logs: {receivers: [otlp], exporters: [splunk_hec]}}
"""
PLANTED = ("5eCr3t-from-a-file", "5eCr3t-on-the-line", "typed-5eCr3t-header", "5eCr3t-in-the-environment")


@pytest.fixture
def options_(tmp_path: Path) -> list[str]:
    """A configuration whose every way in carries a secret."""
    (tmp_path / "c.yaml").write_text(TEXT.replace("DATA", str(tmp_path / "data")))
    (tmp_path / "soc.env").write_text(f"TOKEN={PLANTED[0]}\n")
    setting = f"exporters.splunk_hec.proxy_url=http://user:{PLANTED[1]}@proxy.example.com:3128"
    return ["--config", str(tmp_path / "c.yaml"), "--set", setting, "--env-file", str(tmp_path / "soc.env")]


def call(*words: str, **env: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"SPLUNK_HEC_TOKEN": PLANTED[3], **env})


def test_the_page_is_yaml_on_standard_output_and_warnings_are_not(options_: list[str]) -> None:
    result = call("print-config", *options_)
    assert result.exit_code == Exit.OK
    splunk = yaml.safe_load(result.stdout)["exporters"]["splunk_hec"]
    assert splunk == {
        "endpoint": "https://splunk.example.com:8088",
        "token": "${env:TOKEN}",
        "headers": {"X-Key": "[redacted]"},
        "proxy_url": "[redacted]",
    }
    assert "# Fill in before use: exporters.splunk_hec.headers.X-Key, exporters.splunk_hec.proxy_url" in result.stdout
    assert "warning: --set exporters.splunk_hec.proxy_url: is a secret that everybody on this machine" in result.stderr
    assert "warning: SPLUNK_HEC_TOKEN: set in the environment, without effect beside --config" in result.stderr


def test_every_key_and_json(options_: list[str]) -> None:
    found = json.loads(call("print-config", *options_, "--defaults", "--json").stdout)
    assert found["exporters"]["splunk_hec"]["retry_on_failure"]["max_interval"] == "1m"


def test_p8_a_wrong_setting_ends_with_3(options_: list[str]) -> None:
    for command in ("print-config", "validate", "run"):
        result = call(command, *options_, "--set", "exporters.foo.bar=1")
        assert result.exit_code == Exit.CONFIG, command
        assert "--set exporters.foo: there is no exporter of type 'foo'" in result.stderr
        assert result.stdout == ""


def test_the_environment_names_configurations_and_environment_files(options_: list[str], tmp_path: Path) -> None:
    both, extra = f"{tmp_path}/c.yaml:env:EXTRA", "exporters: {splunk_hec: {index: more}}"
    env = {"OTELSIEM_CONFIG": both, "OTELSIEM_ENV_FILE": str(tmp_path / "soc.env"), "EXTRA": extra}
    result = call("print-config", **env)
    assert yaml.safe_load(result.stdout)["exporters"]["splunk_hec"]["index"] == "more", result.stderr


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("a.yaml", ["a.yaml"]),
        ("a b.yaml:/c/d.yaml", ["a b.yaml", "/c/d.yaml"]),
        ("file:a.yaml:env:NAME:b.yaml", ["file:a.yaml", "env:NAME", "b.yaml"]),
        ("a.yaml:yaml:x::y: {z: 1}", ["a.yaml", "yaml:x::y: {z: 1}"]),
    ],
)
def test_several_configurations_stand_in_one_variable(
    text: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTELSIEM_CONFIG", text)
    assert list(options.sources(None, None, None).configs) == names
    assert list(options.sources(["x.yaml"], None, None).configs) == ["x.yaml"], "the command line wins"


@pytest.mark.parametrize(
    "words",
    [
        ["print-config"],
        ["print-config", "--defaults"],
        ["print-config", "--json", "--defaults"],
        ["validate"],
        ["validate", "--json"],
        ["send", "--endpoint", "127.0.0.1:1"],
        ["dead-letters", "list"],
        ["dead-letters", "show", "--exporter", "x", "--position", "1"],
        ["dead-letters", "replay", "--exporter", "x", "--all"],
        ["dead-letters", "purge", "--exporter", "x", "--all", "--yes"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("wrong", [(), ("--set", "exporters.splunk_hec.timeout=${env:TOKEN}"), ("--set", PLANTED[1])])
def test_no_command_shows_a_planted_secret(options_: list[str], words: list[str], wrong: tuple[str, ...]) -> None:
    result = call(*words, *options_, *wrong)
    assert result.output
    assert not [secret for secret in PLANTED if secret in result.output + repr(result.exception)]
    assert "5eCr3t" not in result.output


def test_without_anything_it_prints_the_embedded_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTELSIEM_CONFIG", raising=False)
    result = call("print-config", SPLUNK_HEC_URL="https://s:8088")
    assert "#   SPLUNK_HEC_TOKEN: exporters.splunk_hec.token\n" in result.stdout
    assert yaml.safe_load(result.stdout)["exporters"]["splunk_hec"]["token"] == "${env:SPLUNK_HEC_TOKEN}"
