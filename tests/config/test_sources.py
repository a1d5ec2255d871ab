"""Where a configuration comes from: several `--config` in every form, `--set`, and the same sources once more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otelsiem.config.load import load
from otelsiem.config.model import Config
from otelsiem.config.sources import Sources
from otelsiem.destinations.file import File
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.errors import ConfigError

BASE = """\
receivers: {otlp: {protocols: {http: }}}
exporters:
  file: {path: a.jsonl}
  splunk_hec/soc:
    endpoint: https://splunk.example.com:8088
    token: ${env:TOKEN:-from-the-default}
    index: audit
service: {pipelines: {logs: {receivers: [otlp], exporters: [file, splunk_hec/soc]}}}
"""
SECRET = "hunter22-planted"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.yaml"
    path.write_text(BASE)
    return path


def loaded(base: Path, *sets: str, env: dict[str, str] | None = None) -> Config:
    return load(Sources((str(base),), sets), env or {})


def splunk(config: Config) -> SplunkHec:
    destination = config.exporters["splunk_hec/soc"].destination
    assert isinstance(destination, SplunkHec)
    return destination


def file(config: Config) -> File:
    destination = config.exporters["file"].destination
    assert isinstance(destination, File)
    return destination


def told(sources: Sources, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(sources, env or {})
    return [str(problem) for problem in caught.value.problems]


# --set


@pytest.mark.parametrize(
    "text",
    [
        "exporters.splunk_hec/soc.index=audit2",
        "exporters::splunk_hec/soc::index=audit2",
        "exporters.splunk_hec/soc::index=audit2",
        "exporters.splunk_hec/soc={index: audit2}",
        "exporters.splunk_hec/soc.index='audit2'",
        '"exporters".\'splunk_hec/soc\'.index="audit2"',
        " exporters . splunk_hec/soc . index = audit2 ",
        "exporters.splunk_hec/soc.index=${env:WHICH}",
    ],
)
def test_a_setting_is_merged_over_the_file_in_every_spelling(base: Path, text: str) -> None:
    config = loaded(base, text, env={"WHICH": "audit2"})
    assert splunk(config).index == "audit2"
    assert splunk(config).token.get_secret_value() == "from-the-default", "what stands beside it stays"


def test_a_later_setting_wins_over_an_earlier_one(base: Path) -> None:
    assert splunk(loaded(base, "exporters.splunk_hec/soc.index=a", "exporters.splunk_hec/soc.index=b")).index == "b"


@pytest.mark.parametrize(
    ("written", "value"),
    [("5", 5), ("0123", "0123"), ("true", True), ("'5'", "5"), ("[a, 1]", ["a", 1]), ("a=b", "a=b"), ("1.5", 1.5)],
)
def test_a_value_has_the_type_that_yaml_gives_it(base: Path, written: str, value: object) -> None:
    config = loaded(base, f'exporters.file.match.attributes."tenant.id"={written}')
    match = config.exporters["file"].settings.match
    assert match is not None
    assert match.attributes == {"tenant.id": value}


def test_nothing_behind_the_sign_is_nothing(base: Path) -> None:
    assert splunk(loaded(base, "exporters.splunk_hec/soc.index=")).index is None


def test_a_list_is_replaced_and_not_joined(base: Path) -> None:
    config = loaded(base, "service.pipelines.logs.exporters=[file]")
    assert config.service.pipelines["logs"].exporters == ["file"]


def test_without_a_file_settings_change_the_embedded_configuration() -> None:
    config = load(Sources(sets=("exporters.file.path=x.jsonl", "service.admin.endpoint=127.0.0.1:1")), {})
    assert (file(config).path, str(config.service.admin.endpoint)) == ("x.jsonl", "127.0.0.1:1")


def test_a_file_that_a_setting_names_is_relative_to_where_the_command_runs(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "t").write_text("from-a-file\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = loaded(base, "exporters.splunk_hec/soc.token=${file:t}")
    assert splunk(config).token.get_secret_value() == "from-a-file"
    assert config.warnings == (), "an expression in the list of processes shows nothing"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("exporters.fil.path=x", "--set exporters.fil: there is no exporter of type 'fil' (did you mean 'file'?)"),
        ("exporters.file.pth=x", "--set exporters.file.pth: is not a key here (did you mean 'path'?)"),
        ("exporters.file.mode=abc", "--set exporters.file.mode: expected "),
        ("service.admin.endpoint=[::1]:8000", "--set service.admin.endpoint: not valid YAML: "),
        ("exporters.file.path=[a", "--set exporters.file.path: not valid YAML: "),
        (
            "exporters.file.path=a: b",
            "--set exporters.file.path: expected one value (text that holds ': ' needs quotes)",
        ),
        (
            "exporters.file.path=- a",
            "--set exporters.file.path: expected one value (text that holds ': ' needs quotes)",
        ),
        ("exporters.file.path=a #b", "--set exporters.file.path: in YAML a comment begins at '#' (a value that holds"),
        (
            "exporters.file.path=#b",
            "--set exporters.file.path: in YAML a comment begins at '#' (a value that holds '#'",
        ),
        ("exporters.file.path=${env:NO}", "--set exporters.file.path: the environment variable NO is not set"),
        ("exporters.file.path", "--set number 1: expected KEY=VALUE (for example exporters.file.path=events.jsonl)"),
        ("=x", "--set number 1: the key cannot be read (steps are parted by . or ::"),
        ("exporters..path=x", "--set number 1: the key cannot be read"),
        ("exporters.=x", "--set number 1: the key cannot be read"),
        ('exporters."file.path=x', "--set number 1: the key cannot be read"),
    ],
)
def test_p8_what_is_wrong_with_a_setting_is_told_with_its_key(base: Path, text: str, line: str) -> None:
    assert any(one.startswith(line) for one in told(Sources((str(base),), (text,)))), told(
        Sources((str(base),), (text,))
    )


def test_p8_an_ipv6_address_without_quotes_is_told_how_it_is_written(base: Path) -> None:
    for text in ("service.admin.endpoint=[::1]:8000", "service.admin.endpoint=[fe80::1%0]:8000"):
        [line] = told(Sources((str(base),), (text,)))
        assert line.endswith('(an IPv6 address needs quotes: "[::1]:4317")')
    loaded(base, 'service.admin.endpoint="[::1]:8000"')


def test_what_a_file_lacks_is_told_in_the_file_that_began_it(base: Path) -> None:
    base.write_text(BASE.replace("    endpoint: https://splunk.example.com:8088\n", ""))
    [line] = told(Sources((str(base),), ("exporters.splunk_hec/soc.index=x",)))
    assert line.startswith(f"{base}:4: exporters.splunk_hec/soc.endpoint: is missing")


@pytest.mark.parametrize(
    "text",
    [
        f"exporters.splunk_hec/soc.token=*{SECRET}",
        f"exporters.splunk_hec/soc.token=!{SECRET}",
        f"exporters.splunk_hec/soc.token=[{SECRET}",
        f"exporters.splunk_hec/soc.token=a: {SECRET}",
        f"exporters.splunk_hec/soc.token={SECRET} #x",
        f"exporters.splunk_hec/soc.token={SECRET} x",
        f"exporters.splunk_hec/soc.tokn={SECRET}",
        SECRET,
    ],
)
def test_p8_a_wrong_setting_does_not_show_its_value(base: Path, text: str) -> None:
    lines = told(Sources((str(base),), (text,)))
    assert lines
    assert SECRET not in "".join(lines)


@pytest.mark.parametrize("key", ["token", "headers.X-Key", "proxy_url"])
def test_a_secret_in_a_setting_draws_a_warning_that_does_not_show_it(base: Path, key: str) -> None:
    value = f"http://a:{SECRET}@proxy:3128" if key == "proxy_url" else SECRET
    [warning] = loaded(base, f"exporters.splunk_hec/soc.{key}={value}").warnings
    assert str(warning).startswith(f"--set exporters.splunk_hec/soc.{key}: is a secret that everybody on this machine")
    assert "${env:NAME}" in warning.hint
    assert SECRET not in str(warning)


# --config


def test_mappings_are_merged_key_by_key_and_lists_are_replaced(base: Path, tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text(
        "exporters: {file: {rotation: {max_megabytes: 5}}, splunk_hec/soc: {fields: [a]}}\n"
        "service: {pipelines: {logs: {exporters: [splunk_hec/soc]}}}\n"
    )
    last = tmp_path / "last.yaml"
    last.write_text("exporters: {splunk_hec/soc: {fields: [b, c]}, file: {rotation: {max_backups: 2}}}\n")
    config = load(Sources.files(base, over, last), {})
    rotation = file(config).rotation
    assert rotation is not None
    assert (rotation.max_megabytes, rotation.max_backups, file(config).path) == (5, 2, "a.jsonl")
    assert splunk(config).fields == ("b", "c")
    assert config.service.pipelines["logs"].exporters == ["splunk_hec/soc"]


def test_a_configuration_may_come_from_a_variable_and_from_the_argument(base: Path) -> None:
    env = {"EXTRA": "exporters: {splunk_hec/soc: {index: '${env:WHICH}'}}", "WHICH": "from-the-variable"}
    config = load(Sources((f"file:{base}", "env:EXTRA", "yaml:exporters::file::path: b.jsonl")), env)
    assert splunk(config).index == "from-the-variable"
    assert file(config).path == "b.jsonl"
    assert load(Sources((f"yaml:{BASE}",)), {}).service.pipelines


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("env:NONE", "--config env:NONE: the environment variable is not set"),
        ("env:WRONG", "env:WRONG:2: exporters.fiel: there is no exporter of type 'fiel' (did you mean 'file'?)"),
        ("yaml:exporters::fiel::path: b", "--config yaml: exporters.fiel: there is no exporter of type 'fiel'"),
        ("https://example.com/c.yaml", "--config https:…: is not a source of configurations (fetch it into a file; "),
        ("s3://bucket/c.yaml", "--config s3:…: is not a source of configurations (fetch it into a file; "),
        ("file:none.yaml", "none.yaml: cannot read this file: No such file or directory"),
    ],
)
def test_p8_what_is_wrong_with_a_source_is_told_with_its_name(base: Path, name: str, line: str) -> None:
    lines = told(Sources((str(base), name)), {"WRONG": "\nexporters: {fiel: {path: x}}"})
    assert any(one.startswith(line) for one in lines), lines


def test_an_address_with_a_password_is_not_shown() -> None:
    assert SECRET not in "".join(told(Sources((f"https://a:{SECRET}@example.com/c.yaml",))))


def test_a_secret_in_the_argument_draws_a_warning(base: Path) -> None:
    [warning] = load(Sources((str(base), f"yaml:exporters::splunk_hec/soc::token: {SECRET}")), {}).warnings
    assert str(warning).startswith("--config yaml: exporters.splunk_hec/soc.token: is a secret that everybody")
    assert SECRET not in str(warning)


# the same sources again


def test_the_same_sources_are_read_again(base: Path, tmp_path: Path) -> None:
    variables = tmp_path / "soc.env"
    variables.write_text("TOKEN=first\n")
    sources = Sources((str(base),), ("exporters.file.path=set.jsonl",), (variables,))
    assert splunk(load(sources, {})).token.get_secret_value() == "first"
    variables.write_text("TOKEN=second\n")
    base.write_text(BASE.replace("index: audit", "index: changed"))
    again = load(sources, {})
    assert (splunk(again).token.get_secret_value(), splunk(again).index) == ("second", "changed")
    assert file(again).path == "set.jsonl"


def test_nothing_of_the_sources_shows_a_secret(base: Path) -> None:
    sources = Sources((str(base), f"yaml:a: {SECRET}"), (f"exporters.x.token={SECRET}",))
    assert SECRET not in repr(sources) + str(sources)


def test_loading_leaves_the_environment_of_the_process_alone(base: Path, tmp_path: Path) -> None:
    (tmp_path / "soc.env").write_text("OTELSIEM_TEST_ONLY=1\n")
    load(Sources((str(base),), (), (tmp_path / "soc.env",)), {})
    assert "OTELSIEM_TEST_ONLY" not in os.environ
