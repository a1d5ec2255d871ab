"""`--json`: one document on standard output, errors included, for every command that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from otelsiem.cli.app import app
from otelsiem.cli.exits import Exit
from tests.cli.running import OTELSIEM, configured, gateway
from tests.program import Program, free_port

# what each command needs beside --config, to come as far as its work
WORDS: Mapping[str, tuple[str, ...]] = {
    "validate": (),
    "print-config": (),
    "send": (),
    "components": (),
    "test": ("file", "--no-record"),
    "setup": (),
    "dead-letters list": (),
    "dead-letters show": ("--exporter", "file", "--position", "1"),
    "dead-letters replay": ("--exporter", "file", "--all"),
    "dead-letters purge": ("--exporter", "file", "--all", "--yes"),
    "journal stats": (),
    "journal check": (),
    "journal repair": ("--yes",),
}
NEED_A_CONFIGURATION = sorted(WORDS.keys() - {"components"})
NEED_A_GATEWAY = sorted(WORDS.keys() - {"components", "validate", "print-config", "test", "setup"})


def commands() -> Iterator[tuple[str, Any]]:
    for name, command in vars(typer.main.get_command(app))["commands"].items():
        inner = vars(command).get("commands")
        if inner is None:
            yield name, command
        else:
            yield from ((f"{name} {sub}", one) for sub, one in inner.items())


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def told(result: Result) -> Any:
    """The one document, and nothing beside it."""
    return json.loads(result.stdout)


def test_the_table_knows_every_command_that_has_it() -> None:
    assert {name for name, command in commands() if any("--json" in p.opts for p in command.params)} == WORDS.keys()


@pytest.mark.parametrize("command", NEED_A_CONFIGURATION)
def test_p8_a_wrong_configuration_is_an_error_with_its_problems(tmp_path: Path, command: str) -> None:
    (tmp_path / "bad.yaml").write_text("exporters: {consol: }\nservice: {journal: {directori: x}}\n")
    result = invoke(*command.split(), *WORDS[command], "--config", tmp_path / "bad.yaml", "--json")
    said = told(result)
    assert (result.exit_code, said["exit"]) == (Exit.CONFIG, 3)
    assert said["error"].endswith("problems in the configuration; nothing was started")
    assert "exporters.consol" in [problem["path"] for problem in said["problems"]]
    assert set(said["problems"][0]) >= {"file", "line", "path", "message", "hint"}
    assert said["error"] in result.stderr, "a person who looks sees it as well"


@pytest.mark.parametrize("command", NEED_A_GATEWAY)
def test_what_cannot_be_done_is_an_error_with_its_sentence(tmp_path: Path, command: str) -> None:
    result = invoke(*command.split(), *WORDS[command], "--config", configured(tmp_path), "--json")
    said = told(result)
    assert (result.exit_code, said["exit"], said["problems"]) == (Exit.FAILURE, 1, [])
    assert f"otelsiem: {said['error']}\n" == result.stderr


@pytest.mark.parametrize("command", WORDS)
def test_a_wrong_command_line_says_nothing_on_standard_output(command: str) -> None:
    result = invoke(*command.split(), "--json", "--no-such-option")
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert "--no-such-option" in result.stderr


def test_answers_beside_a_gateway_are_one_document_each(tmp_path: Path) -> None:
    admin = free_port()
    config = configured(tmp_path, admin=admin)
    with gateway(config, admin):
        for command, words in WORDS.items():
            if command in {"components", "dead-letters show", "journal repair"}:
                continue
            patience = ["--timeout", "0"] * (command == "send")
            result = invoke(*command.split(), *words, *patience, "--config", config, "--json")
            assert result.exit_code == Exit.OK, (command, result.stdout, result.stderr)
            assert isinstance(told(result), dict), command
        words = ("--exporter", "file", "--position", "3", "--config", str(config))
        assert told(invoke("dead-letters", "replay", *words, "--json")) == {"replayed": 0, "missing": 1}
    assert isinstance(told(invoke("components", "--json")), dict)


def test_the_log_of_run_as_json_lines(tmp_path: Path) -> None:
    admin = free_port()
    config = configured(tmp_path, admin=admin)
    with gateway(config, admin, "--log-format", "json") as running:
        running.stop()
        lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert {"time", "level", "logger", "msg"} <= set.intersection(*[set(line) for line in lines])
    [ready] = [line for line in lines if "is ready" in line["msg"]]
    assert (ready["level"], ready["pending"]) == ("info", 0)
    assert lines[-1]["msg"] == "stopped"


def test_a_start_that_fails_is_json_lines_too(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("exporters: {consol: }\n")
    argv = [*OTELSIEM, "run", "--config", str(tmp_path / "bad.yaml"), "--log-format", "json"]
    with Program(argv, tmp_path / "log") as program:
        assert program.finish() == Exit.CONFIG
        lines = [json.loads(line) for line in program.log.read_text().splitlines()]
    assert "exporters.consol" in lines[0]["msg"]
    assert (lines[-1]["level"], lines[-1]["exit"]) == ("error", 3)
