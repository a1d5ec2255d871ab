"""The commands as a person or a script sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from otelsiem import __version__
from otelsiem.cli.app import app
from tests.cli.server import Server, free_port

LETTER = {
    "exporter": "splunk_hec/soc",
    "pipeline": "logs",
    "position": 7,
    "reason": "HTTP 400: invalid data format \x1b[31m",
    "attempts": 2,
    "first": "2025-01-01T11:00:00.123456789Z",
    "last": "2025-01-01T12:00:00.123456789Z",
    "record": {"event": "login", "body": "fran\u00e7ois \u202e"},
    "resource": {"service.name": "shop"},
}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, server: Server) -> Path:
    """A configuration whose admin API and OTLP receiver are both the test's server."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "admin.token").write_text("t0ken\n")
    return write(tmp_path, otlp=server.port, admin=server.port)


def write(folder: Path, otlp: int, admin: int, kind: str = "sqlite") -> Path:
    path = folder / "c.yaml"
    # two spellings of loopback, so that one server may stand for both listeners
    path.write_text(f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.2:{otlp}}}}}}}}}
exporters: {{console: }}
service:
  journal: {{type: {kind}, directory: {folder / "data"}}}
  admin: {{endpoint: 127.0.0.1:{admin}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [console]}}}}
""")
    return path


def call(*words: object, answer: str = "") -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=answer)


def sent(config: Path, server: Server, *words: str) -> Result:
    return call("send", "--config", config, "--endpoint", server.base, *words)


# general


def test_version_and_help() -> None:
    assert call("--version").output == f"otelsiem {__version__}\n"
    for command in ("run", "validate", "send", "dead-letters"):
        assert command in call("--help").output


@pytest.mark.parametrize("words", [["runn"], ["validate", "--nope"], ["dead-letters", "show"], ["send", "--limit"]])
def test_a_wrong_command_line_ends_with_2(words: list[str]) -> None:
    assert call(*words).exit_code == 2


# validate


def test_validate_says_what_would_start(config: Path) -> None:
    result = call("validate", "--config", config)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "this configuration may start"
    assert "pipeline  logs: otlp → console" in result.stdout
    assert json.loads(call("validate", "-c", config, "--json").stdout) == {"ok": True, "problems": [], "warnings": []}


def test_p8_validate_tells_everything_and_ends_with_3(config: Path) -> None:
    config.write_text(config.read_text().replace("console: ", "consol: , fiel: {}"))
    result = call("validate", "--config", config)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "did you mean 'console'?" in result.stderr
    assert "did you mean 'file'?" in result.stderr
    assert "2 problems in the configuration; nothing was started" in result.stderr
    told = call("validate", "--config", config, "--json")
    assert told.exit_code == 3
    problems = json.loads(told.stdout)["problems"]
    assert [p["path"] for p in problems] == ["exporters.consol", "exporters.fiel"]
    assert problems[0]["line"] == 3


def test_p8_run_with_a_wrong_configuration_ends_with_3(tmp_path: Path) -> None:
    result = call("run", "--config", tmp_path / "none.yaml")
    assert result.exit_code == 3
    assert "none.yaml: cannot read this file: No such file or directory" in result.stderr


def test_warnings_are_told_beside_the_answer(config: Path) -> None:
    config.write_text(config.read_text() + "processors: {batch: }\n")
    result = call("validate", "--config", config)
    assert result.exit_code == 0
    assert "warning:" in result.stderr
    assert "processors.batch" in result.stderr
    assert "warning:" not in result.stdout


# send


def fates(server: Server, **kinds: str) -> None:
    found = {name: {"kind": kind, "reason": "", "attempts": 1} for name, kind in kinds.items()}
    server.say("/api/v1/fates", {"fates": found})


def taken(server: Server, receipt: str = "logs/12") -> None:
    server.say("/v1/logs", {}, headers={"x-otelsiem-receipt": receipt})


def test_send_waits_for_every_fate_and_ends_with_0(config: Path, server: Server) -> None:
    taken(server)
    fates(server, console="pending", file="delivered")
    fates(server, console="due", file="delivered")
    fates(server, console="delivered", file="filtered")
    result = sent(config, server)
    assert result.stdout.splitlines() == [
        "taken: logs/12",
        "EXPORTER  FATE       REASON",
        "console   delivered",
        "file      filtered",
    ]
    assert result.exit_code == 0


def test_send_tells_attempts_only_where_they_are_counted(config: Path, server: Server) -> None:
    taken(server)
    found = {"console": {"kind": "dead", "reason": "HTTP 400", "attempts": 3}, "file": {"kind": "delivered"}}
    server.say("/api/v1/fates", {"fates": found})
    assert sent(config, server).stdout.splitlines()[1:] == [
        "EXPORTER  FATE       ATTEMPTS  REASON",
        "console   dead       3         HTTP 400",
        "file      delivered  -",
    ]


def test_send_tells_the_attempts_of_what_was_tried_and_is_held(config: Path, server: Server) -> None:
    taken(server)
    fates(server, console="due", file="delivered")
    server.say("/api/v1/status", {"held": {"console": "HTTP 403: token disabled"}})
    assert sent(config, server, "--timeout", "1ms").stdout.splitlines()[2:] == [
        "console   held       1         HTTP 403: token disabled",
        "file      delivered  -",
    ]


def test_send_says_what_it_was_told_to_say(config: Path, server: Server) -> None:
    taken(server)
    fates(server, console="delivered")
    words = ["--event", "login", "--severity", "high", "--message", "hé", "--attribute", "a=b=c", "--attribute", "x="]
    assert sent(config, server, *words).exit_code == 0
    [group] = server.asked[0].json["resourceLogs"]
    [record] = group["scopeLogs"][0]["logRecords"]
    assert (record["eventName"], record["severityNumber"], record["body"]) == ("login", 17, {"stringValue": "hé"})
    assert record["attributes"] == [
        {"key": "a", "value": {"stringValue": "b=c"}},
        {"key": "x", "value": {"stringValue": ""}},
    ]
    assert int(record["timeUnixNano"]) > 1_700_000_000_000_000_000
    assert server.asked[0].headers["x-otelsiem-receipt"] == "1"
    assert "authorization" not in server.asked[0].headers


def test_what_send_sends_is_otlp(config: Path, server: Server) -> None:
    from google.protobuf.json_format import Parse
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    taken(server)
    fates(server, console="delivered")
    sent(config, server, "--event", "login", "--attribute", "k=v")
    request = Parse(server.asked[0].body, ExportLogsServiceRequest())
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    assert (record.event_name, record.attributes[0].value.string_value) == ("login", "v")


def test_send_ends_with_1_when_an_exporter_refused_it(config: Path, server: Server) -> None:
    taken(server)
    server.say("/api/v1/fates", {"fates": {"console": {"kind": "dead", "reason": "HTTP 400", "attempts": 3}}})
    result = sent(config, server)
    assert "console   dead  3         HTTP 400" in result.stdout
    assert result.exit_code == 1


def test_send_says_what_is_held_and_why_when_time_is_up(config: Path, server: Server) -> None:
    taken(server)
    fates(server, console="pending", file="pending")
    server.say("/api/v1/status", {"held": {"console": "HTTP 403: token disabled"}})
    result = sent(config, server, "--timeout", "1ms")
    assert result.stdout.splitlines()[2:] == [
        "console   held     HTTP 403: token disabled",
        "file      pending",
    ]
    assert result.exit_code == 1


def test_send_into_several_pipelines_names_them(config: Path, server: Server) -> None:
    taken(server, "logs/1,logs/eu/2")
    fates(server, console="delivered")
    result = sent(config, server)
    assert "logs console     delivered" in result.stdout
    assert "logs/eu console  delivered" in result.stdout


def test_send_as_json(config: Path, server: Server) -> None:
    taken(server)
    fates(server, console="delivered")
    [fate] = json.loads(sent(config, server, "--json").stdout)["fates"]
    assert fate == {
        "pipeline": "logs", "position": 12, "exporter": "console", "kind": "delivered", "reason": "", "attempts": None,
    }  # fmt: skip


def test_send_need_not_wait(config: Path, server: Server) -> None:
    taken(server)
    result = sent(config, server, "--timeout", "0")
    assert (result.exit_code, result.stdout) == (0, "taken: logs/12\n")
    assert len(server.asked) == 1


def test_send_that_is_not_taken_ends_with_1(config: Path, server: Server) -> None:
    server.say("/v1/logs", {"message": "the journal is full"}, 503)
    result = sent(config, server)
    assert result.exit_code == 1
    assert "not taken: HTTP 503" in result.stderr
    assert "the journal is full" in result.stderr


@pytest.mark.parametrize("token", ["hunter22-\nplanted", "hunter22-planted…", "hunter22\x00planted"])
def test_a_token_that_no_header_can_carry_is_said_and_not_shown(config: Path, server: Server, token: str) -> None:
    result = sent(config, server, "--token", token)
    assert result.exit_code == 1
    assert "the token holds characters that no header can carry" in result.stderr
    assert "hunter22" not in result.output
    assert server.asked == []


def test_the_end_of_a_line_does_not_belong_to_a_token(
    config: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(server)
    monkeypatch.setenv("OTELSIEM_TOKEN", "hunter22-planted\r\n")
    assert sent(config, server, "--timeout", "0").exit_code == 0
    assert server.asked[-1].headers["authorization"] == "Bearer hunter22-planted"


def test_what_is_not_utf8_arrives_escaped(config: Path, server: Server) -> None:
    taken(server)
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    words = ["--event", odd, "--message", odd, "--attribute", f"{odd}={odd}", "--timeout", "0"]
    assert sent(config, server, *words).exit_code == 0
    assert server.asked[-1].body.count(rb"caf\\xe9") == 4


def test_an_endpoint_that_is_not_http_sends_nothing(config: Path, server: Server) -> None:
    result = sent(config, server, "--endpoint", "grpc://127.0.0.1:4317")
    assert result.exit_code == 1
    assert "--endpoint: expected http:// or https://" in result.stderr
    assert "may have been taken" not in result.stderr


def test_send_without_a_gateway_says_how_to_start_one(tmp_path: Path) -> None:
    result = call("send", "--config", write(tmp_path, free_port(), free_port()))
    assert result.exit_code == 1
    assert "start the gateway with: otelsiem run" in result.stderr


@pytest.mark.parametrize(
    "words",
    [["--severity", "loud"], ["--severity", "25"], ["--attribute", "x"], ["--attribute", "=x"], ["--timeout", "soon"]],
)
def test_send_with_a_wrong_option_ends_with_2(config: Path, server: Server, words: list[str]) -> None:
    assert sent(config, server, *words).exit_code == 2
    assert server.asked == []


# dead letters of a running gateway


def letters(server: Server, *found: dict[str, Any], more: bool = False) -> None:
    server.say("/api/v1/dead-letters", {"dead_letters": list(found), "more": more})


def test_list_is_aligned_clean_and_says_when_there_is_more(config: Path, server: Server) -> None:
    letters(server)
    letters(server, LETTER, {**LETTER, "exporter": "file", "position": 123456}, more=True)
    result = call("dead-letters", "list", "--config", config)
    head, first, second = result.stdout.splitlines()
    assert head.split()[:3] == ["EXPORTER", "POSITION", "LAST"]
    assert first.startswith("splunk_hec/soc  7         2025-01-01 12:00:00Z  ")
    assert second.startswith("file            123456    ")
    assert first.endswith("login  HTTP 400: invalid data format \\u001b[31m")
    assert "\x1b" not in result.stdout
    assert "there are more: --offset 2" in result.stderr
    assert result.exit_code == 0


def test_list_as_json_is_what_the_gateway_said(config: Path, server: Server) -> None:
    letters(server, LETTER)
    assert json.loads(call("dead-letters", "list", "--config", config, "--json").stdout) == {
        "dead_letters": [LETTER],
        "more": False,
    }


def test_an_empty_list_says_so(config: Path, server: Server) -> None:
    letters(server)
    assert call("dead-letters", "list", "--config", config).stdout == "no dead letters\n"


def test_show_looks_through_the_pages(config: Path, server: Server) -> None:
    letters(server)
    letters(server, {**LETTER, "position": 3}, more=True)
    letters(server, LETTER)
    result = call("dead-letters", "show", "--exporter", "splunk_hec/soc", "--position", 7, "--config", config)
    assert result.exit_code == 0
    assert "reason    HTTP 400: invalid data format \\u001b[31m" in result.stdout
    assert "first     2025-01-01 11:00:00Z (" in result.stdout
    assert '"event": "login"' in result.stdout
    assert "\u202e" not in result.stdout
    assert "offset=1" in server.asked[-1].path


def test_show_what_is_not_there_ends_with_1(config: Path, server: Server) -> None:
    letters(server)
    result = call("dead-letters", "show", "--exporter", "file", "--position", 7, "--config", config)
    assert result.exit_code == 1
    assert "file has no dead letter at position 7" in result.stderr


def test_replay_orders_what_was_chosen(config: Path, server: Server) -> None:
    letters(server)
    server.say("/api/v1/dead-letters/replay", {"replayed": 2})
    words = ["dead-letters", "replay", "--config", config, "--exporter", "file"]
    result = call(*words, "--position", 9, "--position", 7, "--position", 9)
    assert (result.exit_code, result.stdout) == (0, "2 to be delivered again by file\n")
    assert server.asked[-1].json == {"exporter": "file", "positions": [7, 9]}
    assert call(*words, "--all").exit_code == 0
    assert server.asked[-1].json == {"exporter": "file", "positions": None}


@pytest.mark.parametrize("command", [["replay", "--all"], ["purge", "--all", "--yes"]])
def test_an_exporter_that_nobody_knows_is_not_done_in_silence(config: Path, server: Server, command: list[str]) -> None:
    letters(server)
    server.say(f"/api/v1/dead-letters/{command[0]}", {"replayed": 0, "purged": 0})
    words = ["dead-letters", *command, "--config", config, "--exporter"]
    result = call(*words, "konsole")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "konsole has no dead letters, and is no exporter of this configuration" in result.stderr
    assert "there are: console, door/logs" in result.stderr
    for known in ("console", "door/logs"):
        assert call(*words, known).exit_code == 0
    assert json.loads(call(*words, "konsole", "--json").stdout)["exit"] == 1


def test_a_list_of_nobody_says_so_beside_the_answer(config: Path, server: Server) -> None:
    letters(server)
    result = call("dead-letters", "list", "--config", config, "--exporter", "konsole")
    assert (result.exit_code, result.stdout) == (0, "no dead letters\n")
    assert "konsole has no dead letters, and is no exporter" in result.stderr


def test_replay_of_what_is_not_there_is_said(config: Path, server: Server) -> None:
    letters(server)
    server.say("/api/v1/dead-letters/replay", {"replayed": 1})
    words = ["--exporter", "file", "--position", 1, "--position", 2]
    result = call("dead-letters", "replay", "--config", config, *words)
    assert result.exit_code == 1
    assert "1 of the positions given have no dead letter" in result.stderr


@pytest.mark.parametrize("command", ["replay", "purge"])
@pytest.mark.parametrize(
    "words", [[], ["--exporter", "file"], ["--all"], ["--exporter", "file", "--all", "--position", "1"]]
)
def test_nothing_is_replayed_or_purged_by_omission(
    config: Path, server: Server, command: str, words: list[str]
) -> None:
    assert call("dead-letters", command, "--config", config, *words).exit_code == 2
    assert server.asked == []


def test_purge_asks_first(config: Path, server: Server) -> None:
    letters(server)
    server.say("/api/v1/dead-letters/purge", {"purged": 4})
    words = ["dead-letters", "purge", "--config", config, "--exporter", "file", "--all"]
    refused = call(*words, answer="n\n")
    assert refused.exit_code == 1
    assert "Delete ALL dead letters of file for good?" in refused.stdout
    assert server.asked == []
    assert "4 deleted" in call(*words, answer="y\n").stdout
    assert call(*words, "--yes").stdout == "4 deleted\n"


def test_purge_without_an_answer_deletes_nothing(config: Path, server: Server) -> None:
    result = call("dead-letters", "purge", "--config", config, "--exporter", "file", "--all")
    assert result.exit_code == 1
    assert server.asked == []


def test_a_gateway_of_another_journal_is_told(config: Path, server: Server) -> None:
    server.say("/api/v1/dead-letters", {"error": "no"}, 401)
    result = call("dead-letters", "list", "--config", config)
    assert result.exit_code == 1
    assert "does not accept the token of this journal's directory" in result.stderr


def test_without_a_token_nothing_is_asked_of_whoever_listens(config: Path, server: Server) -> None:
    (config.parent / "data" / "admin.token").unlink()
    result = call("dead-letters", "list", "--config", config)
    assert result.exit_code == 1
    assert server.asked == []
    assert "there is no journal in" in result.stderr


def test_a_journal_in_memory_ends_with_its_gateway(tmp_path: Path) -> None:
    result = call("dead-letters", "list", "--config", write(tmp_path, free_port(), free_port(), kind="memory"))
    assert result.exit_code == 1
    assert "a journal in memory ends with its gateway" in result.stderr


def test_no_journal_is_made_by_looking_for_one(tmp_path: Path) -> None:
    result = call("dead-letters", "list", "--config", write(tmp_path, free_port(), free_port()))
    assert result.exit_code == 1
    assert not (tmp_path / "data").exists()


def test_the_configuration_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that in a container `run`, `send` and `dead-letters` need no arguments."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("exporters: 7\n")
    monkeypatch.setenv("OTELSIEM_CONFIG", str(wrong))
    result = call("validate")
    assert result.exit_code == 3
    assert "wrong.yaml" in result.output
