"""The adapter of `docs/how-to/write-a-destination.md`, installed from another distribution, in a gateway that runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from otelsiem.cli.app import app
from otelsiem.config import discover
from otelsiem.config.load import load
from otelsiem.config.sources import Sources
from otelsiem.model.errors import ConfigError
from otelsiem.testing.conformance import check_destination
from otelsiem.testing.http import HttpServer, Respond, Seen, Step
from tests.gateway.requests import protobuf
from tests.gateway_process import Gateway
from tests.plugins.extracted import install
from tests.plugins.test_foreign_destination import CONFIG, TOKEN, post
from tests.program import eventually


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = install(tmp_path / "site", "acme_adapter", "acme", "AcmeAdapter")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("acme_adapter", None)


def loaded(tmp_path: Path, keys: str) -> Any:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.format(keys=keys))
    return load(Sources.files(path), {"T": TOKEN}).exporters["acme/soc"].destination


def test_its_parameters_are_the_keys(theirs: Path, tmp_path: Path) -> None:
    made = loaded(tmp_path, "url: 'https://acme.example.com', token: '${env:T}', timeout: 3s")
    assert made.wire.timeout == 3
    assert discover.origin("acme") == "acme-adapter 1.2"
    check_destination(made, secrets=[TOKEN])
    (tmp_path / "plain.yaml").write_text(CONFIG.format(keys=f"url: 'https://acme.example.com', token: {TOKEN}"))
    told = CliRunner().invoke(app, ["print-config", "--config", str(tmp_path / "plain.yaml")])
    assert (told.exit_code, TOKEN in told.output, "acme.example.com" in told.output) == (0, False, True)


def test_p8_a_mistake_is_told_with_its_line(theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"tokn: {TOKEN}, url: 'https://acme.example.com'")
    told = [str(problem) for problem in caught.value.problems]
    assert any("c.yaml:3: exporters.acme/soc.tokn: is not a key here" in line for line in told)
    assert any("exporters.acme/soc.token: is missing" in line for line in told)
    assert TOKEN not in str(caught.value)


def test_p8_a_class_that_cannot_be_configured_says_why(theirs: Path, tmp_path: Path) -> None:
    (theirs / "acme_adapter.py").write_text(
        "from otelsiem import SiemAdapter\nclass AcmeAdapter(SiemAdapter):\n    def __init__(self, *where): ...\n"
    )
    with pytest.raises(
        ConfigError, match=r"cannot be configured: AcmeAdapter\.__init__: the parameter where has no name"
    ):
        loaded(tmp_path, "url: x")


class Server:
    """Acme: one event a request; away, wrong about a token, or picky, as it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.away = False

    def __call__(self, request: Seen) -> Step:
        if self.away:
            return Respond(503)
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if request.method == "GET":
            return Respond(200)
        event = json.loads(request.body)
        if event["text"] == "poison":
            return Respond(400)
        self.events.append(event)
        return Respond(202)


def test_p2_p4_it_delivers_in_a_gateway(theirs: Path, tmp_path: Path) -> None:
    acme = Server()
    acme.away = True
    with HttpServer(acme) as server:
        settings = {"url": server.url, "token": TOKEN, "retry_on_failure": {"max_interval": "1s"}}
        env = {"PYTHONPATH": os.pathsep.join([str(theirs), os.getcwd()])}
        with Gateway(tmp_path / "gateway", {"acme": settings}, env=env) as gateway:
            assert post(gateway, protobuf(5, "fine")) == 200
            eventually(lambda: gateway.metric("siem_retry_attempts_total", exporter="acme") > 0, 30, "it is away")
            acme.away = False
            gateway.delivered("acme", 5)
            assert post(gateway, protobuf(1, "poison")) == 200
            assert post(gateway, protobuf(3, "fine")) == 200
            gateway.delivered("acme", 8)
            eventually(lambda: gateway.metric("siem_dead_letters", exporter="acme") == 1, 30, "one dead letter")
            gateway.adds_up("acme")
            assert TOKEN not in gateway.log.read_text("utf-8")
    assert len({event["id"] for event in acme.events}) == 8
    assert {event["level"] for event in acme.events} == {"info"}
