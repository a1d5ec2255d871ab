"""The destination of `docs/how-to/write-a-destination.md`, installed from another distribution as it stands there."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otelsiem.cli.app import app
from otelsiem.config import discover
from otelsiem.config.load import load
from otelsiem.config.schema import schema
from otelsiem.config.sources import Sources
from otelsiem.model.errors import ConfigError
from otelsiem.testing.conformance import check_destination
from otelsiem.testing.http import HttpServer, Respond, Seen, Step
from tests.gateway.requests import protobuf
from tests.gateway_process import Gateway
from tests.plugins.extracted import PAGE, example, install
from tests.program import eventually

TOKEN = "planted-secret"
CONFIG = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters: {{acme/soc: {{{keys}}}}}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [acme/soc]}}}}}}
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = install(tmp_path / "site", "acme_siem", "acme", "Acme")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("acme_siem", None)


def loaded(tmp_path: Path, keys: str) -> object:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.format(keys=keys))
    return load(Sources.files(path), {"T": TOKEN}).exporters["acme/soc"].destination


def test_it_is_as_short_as_the_page_says() -> None:
    lines = example("acme_siem.py").splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith(('"""', "#"))]
    assert len(code) <= 40


def test_it_is_found_by_its_type_and_told_whose_it_is(theirs: Path, tmp_path: Path) -> None:
    assert "acme" in discover.destination_types()
    assert discover.origin("acme") == "acme-siem 1.2"
    made = loaded(tmp_path, "url: 'https://acme.example.com', token: '${env:T}', timeout: 3s")
    assert type(made).__name__ == "Acme"
    assert any("acme" in pattern for pattern in schema()["properties"]["exporters"]["anyOf"][0]["patternProperties"])
    told = CliRunner().invoke(app, ["components"])
    assert "acme-siem 1.2" in told.output


def test_p8_a_mistake_in_it_is_told_like_one_in_ours(theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"url: 7, tokn: {TOKEN}, timeout: soon")
    told = [str(problem) for problem in caught.value.problems]
    assert any("exporters.acme/soc.tokn: is not a key here" in line for line in told)
    assert any("exporters.acme/soc.token: is missing (API token)" in line for line in told)
    assert any("c.yaml:3: exporters.acme/soc.timeout:" in line for line in told)
    assert TOKEN not in str(caught.value)


def test_it_passes_the_published_suite(theirs: Path) -> None:
    acme = discover.destination("acme")
    assert acme is not None
    made = acme(url="https://acme.example.com", token=TOKEN)
    check_destination(made, secrets=[TOKEN])  # type: ignore[arg-type]  # a model class found at run time


def test_the_pages_call_of_the_suite_runs(theirs: Path) -> None:
    block = re.search(r"```python\n(from acme_siem.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    env = {**os.environ, "PYTHONPATH": str(theirs)}
    ended = subprocess.run([sys.executable, "-c", block[1]], env=env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


class Server:
    """Acme itself: takes lines, knows one token, refuses an event that says so."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.token = f"Bearer {TOKEN}"

    def __call__(self, request: Seen) -> Step:
        if request.headers.get("authorization") != self.token:
            return Respond(401)
        if request.method == "GET":
            return Respond(200)
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") else request.body
        found = [json.loads(line) for line in body.splitlines()]
        if any(event.get("message") == "poison" for event in found):
            return Respond(400)
        self.events += found
        return Respond(202)


def post(gateway: Gateway, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http, timeout=30)
    try:
        connection.request("POST", "/v1/logs", body, {"Content-Type": "application/x-protobuf"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_p2_p3_p4_it_delivers_in_a_gateway(theirs: Path, tmp_path: Path) -> None:
    acme = Server()
    with HttpServer(acme) as server:
        acme.token = "another one"
        retry = {"retry_on_failure": {"max_interval": "1s"}, "hold": {"probe_interval": "200ms"}}
        settings = {"url": server.url, "token": TOKEN, **retry}
        env = {"PYTHONPATH": os.pathsep.join([str(theirs), os.getcwd()])}
        with Gateway(tmp_path / "gateway", {"acme": settings}, env=env) as gateway:
            assert post(gateway, protobuf(5, "fine")) == 200
            eventually(lambda: gateway.metric("siem_hold", exporter="acme") > 0, 30, "a wrong token holds")
            acme.token = f"Bearer {TOKEN}"
            gateway.delivered("acme", 5, 90)
            assert post(gateway, protobuf(1, "poison")) == 200
            assert post(gateway, protobuf(3, "fine")) == 200
            gateway.delivered("acme", 8)
            eventually(lambda: gateway.metric("siem_dead_letters", exporter="acme") == 1, 30, "one dead letter")
            gateway.adds_up("acme")
            assert TOKEN not in gateway.log.read_text("utf-8")
    assert len({str(event["event_id"]) for event in acme.events}) == 8
