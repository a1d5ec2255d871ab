"""`otelsiem test` and `otelsiem setup`, against a strict fake and against what goes wrong on the way there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from otelsiem.cli.app import app
from otelsiem.cli.exits import Exit
from otelsiem.model.errors import MissingExtraError
from otelsiem.testing.hec import FakeHec, Token
from otelsiem.testing.http import Hang, HttpServer, Respond
from tests.program import free_port
from tests.transport.authority import Authority


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


def configured(folder: Path, **exporters: Any) -> Path:
    path = folder / "c.yaml"
    path.write_text(
        json.dumps(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{free_port()}"}}}},
                "exporters": exporters,
                "service": {
                    "journal": {"type": "sqlite", "directory": str(folder / "data")},
                    "pipelines": {"logs": {"receivers": ["otlp"], "exporters": list(exporters)}},
                },
            }
        )
    )
    return path


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def tried(config: Path, *words: str) -> tuple[int, list[dict[str, Any]]]:
    result = call("test", *words, "-c", config, "--json")
    return result.exit_code, json.loads(result.stdout)["exporters"]


def hec(fake: FakeHec, **more: Any) -> dict[str, Any]:
    return {"endpoint": fake.url, "token": fake.token, **more}


def last(one: dict[str, Any]) -> tuple[str, bool, str]:
    step = one["steps"][-1]
    return step["name"], step["ok"], step["said"]


def test_each_exporter_takes_one_marked_record(tmp_path: Path, splunk: FakeHec) -> None:
    config = configured(tmp_path, splunk_hec=hec(splunk), file={"path": str(tmp_path / "events.jsonl")})
    code, found = tried(config)
    assert code == Exit.OK
    assert [[step["name"] for step in one["steps"]] for one in found] == [["reach", "ask", "send"]] * 2
    assert splunk.count_by("event_id") == {found[0]["record"]: 1}
    assert splunk.events[0].event["event_type"] == "otelsiem_test"
    written = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [one["event_id"] for one in written] == [found[1]["record"]]
    assert not (tmp_path / "data").exists(), "no journal is opened"


def test_a_person_reads_what_happened_and_where_to_look(tmp_path: Path, splunk: FakeHec) -> None:
    config = configured(tmp_path, **{"splunk_hec/soc": hec(splunk)})
    result = call("test", "splunk_hec/soc", "-c", config)
    assert result.exit_code == Exit.OK
    lines = result.stdout.splitlines()
    assert lines[0] == "splunk_hec/soc"
    assert f"{splunk.url.removeprefix('http://')} answers" in lines[1]
    assert splunk.events[0].event["event_id"] in lines[-1]


def test_an_acknowledged_record_is_confirmed(tmp_path: Path) -> None:
    with FakeHec(ack=True) as splunk:
        code, found = tried(configured(tmp_path, splunk_hec=hec(splunk, ack=True)))
    assert (code, last(found[0])) == (Exit.OK, ("confirm", True, "it is confirmed"))


def test_one_that_is_never_confirmed_is_told_after_the_patience(tmp_path: Path) -> None:
    with FakeHec(ack=True) as splunk:
        splunk.acks.indexing = "never"
        code, found = tried(configured(tmp_path, splunk_hec=hec(splunk, ack=True)), "--patience", "1")
    name, ok, said = last(found[0])
    assert (code, name, ok) == (Exit.FAILURE, "confirm", False)
    assert "not confirmed after 1 s" in said


def test_without_a_record_nothing_is_written(tmp_path: Path, splunk: FakeHec) -> None:
    code, found = tried(configured(tmp_path, splunk_hec=hec(splunk)), "--no-record")
    assert (code, last(found[0])[0], found[0]["record"]) == (Exit.OK, "ask", "")
    assert splunk.events == []


def test_a_wrong_token_is_told_and_not_shown(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.tokens.clear()
    result = call("test", "-c", configured(tmp_path, splunk_hec=hec(splunk)))
    assert result.exit_code == Exit.FAILURE
    assert "token" in result.stdout
    assert splunk.token not in result.stdout + result.stderr
    assert splunk.events == []


def test_an_index_that_is_not_allowed_shows_only_with_a_record(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.tokens[splunk.token] = Token(indexes=frozenset({"main"}))
    config = configured(tmp_path, splunk_hec=hec(splunk, index="secret"))
    assert tried(config, "--no-record")[0] == Exit.OK
    code, found = tried(config)
    name, ok, said = last(found[0])
    assert (code, name, ok) == (Exit.FAILURE, "send", False)
    assert "index" in said


@pytest.mark.parametrize(
    ("endpoint", "said", "advice"),
    [
        ("http://nowhere.invalid:8088", "resolve: nowhere.invalid:8088", "DNS"),
        ("http://127.0.0.1:{closed}", "connect: 127.0.0.1:{closed}", "the port"),
        ("http://127.0.0.1:{silent}", "timeout: 127.0.0.1:{silent}", "firewall"),
        ("https://127.0.0.1:{private}", "tls: 127.0.0.1:{private}", "ca_file"),
    ],
)
def test_what_is_wrong_on_the_way_is_said_with_what_to_do(
    tmp_path: Path, endpoint: str, said: str, advice: str
) -> None:
    context = Authority(tmp_path).certificate("server", "IP:127.0.0.1")
    with (
        HttpServer(lambda _: Hang()) as silent,
        HttpServer(lambda _: Respond(), tls=context) as private,
    ):
        ports = {"closed": free_port(), "silent": silent.port, "private": private.port}
        exporter = {"endpoint": endpoint.format(**ports), "token": "t0ken", "timeout": "0.5s"}
        code, found = tried(configured(tmp_path, splunk_hec=exporter))
    step = found[0]["steps"][-1]
    assert (code, step["name"], step["ok"], found[0]["record"]) == (Exit.FAILURE, "reach", False, "")
    assert said.format(**ports) in step["said"]
    assert advice in step["advice"]


def test_a_package_that_is_not_installed_is_named_and_the_service_is_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    code, found = tried(configured(tmp_path, otlp={"endpoint": f"http://127.0.0.1:{free_port()}"}))
    step = found[0]["steps"][-1]
    assert (code, step["name"], step["ok"]) == (Exit.FAILURE, "reach", False)
    assert "'grpc', which is not installed: pip install 'otelsiem[gateway]'" in step["said"]
    assert "the service is not at fault" in step["advice"]


def test_a_destination_that_misses_its_package_does_not_keep_the_others_from_being_tried(
    tmp_path: Path, splunk: FakeHec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probe(*_: object) -> None:
        raise MissingExtraError("This plugin", "plugin", "its_package")

    monkeypatch.setattr("otelsiem.destinations.file.File.probe", probe)
    there = {"file": {"path": str(tmp_path / "x")}, "splunk_hec": hec(splunk)}
    code, found = tried(configured(tmp_path, **there))
    assert (code, [one["ok"] for one in found]) == (Exit.FAILURE, [False, True])
    assert last(found[0])[2].endswith("which is not installed: pip install 'otelsiem[plugin]'")


def test_one_that_fails_does_not_keep_the_others_from_being_tried(tmp_path: Path, splunk: FakeHec) -> None:
    dead = {"endpoint": f"http://127.0.0.1:{free_port()}", "token": "x"}
    code, found = tried(configured(tmp_path, **{"splunk_hec/dead": dead, "splunk_hec/soc": hec(splunk)}))
    assert (code, [one["ok"] for one in found]) == (Exit.FAILURE, [False, True])


def test_an_exporter_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path, splunk: FakeHec) -> None:
    result = call("test", "splunk", "-c", configured(tmp_path, splunk_hec=hec(splunk)))
    assert result.exit_code == Exit.FAILURE
    assert "there is no exporter 'splunk' in the configuration; there are: splunk_hec" in result.stderr


def test_setup_says_that_there_is_nothing_to_prepare(tmp_path: Path, splunk: FakeHec) -> None:
    config = configured(tmp_path, splunk_hec=hec(splunk))
    assert call("setup", "-c", config).stdout.splitlines() == ["splunk_hec", "  nothing to prepare"]
    assert json.loads(call("setup", "-c", config, "--json").stdout) == {
        "ok": True,
        "exporters": [{"exporter": "splunk_hec", "ok": True, "prepared": []}],
    }
