"""The container image's own files agree with each other; building it needs a container engine and happens elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
CONFIG = ROOT / "docker" / "otelsiem.yaml"


def instruction(name: str) -> str:
    """What stands after the last instruction of this name."""
    return str(re.findall(rf"^{name} ((?:.*\\\n)*.*)", DOCKERFILE, re.MULTILINE)[-1])


def test_its_configuration_is_valid() -> None:
    argv = [sys.executable, "-m", "otelsiem", "validate", "--config", str(CONFIG)]
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_it_exposes_what_its_configuration_listens_on_beyond_loopback() -> None:
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    protocols = config["receivers"]["otlp"]["protocols"]
    endpoints = [protocols["grpc"]["endpoint"], protocols["http"]["endpoint"], config["service"]["admin"]["endpoint"]]
    hosts, ports = zip(*(endpoint.rsplit(":", 1) for endpoint in endpoints), strict=True)
    assert set(hosts) == {"0.0.0.0"}
    assert instruction("EXPOSE").split() == list(ports)
    assert f"http://127.0.0.1:{ports[2]}/health" in instruction("HEALTHCHECK")


def test_what_must_outlive_the_container_is_in_its_volume() -> None:
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    volume = instruction("VOLUME")
    assert Path(config["service"]["journal"]["directory"]).is_relative_to(volume)
    assert Path(config["exporters"]["file"]["path"]).is_relative_to(volume)


def test_it_does_not_run_as_root_and_runs_the_configuration_that_it_carries() -> None:
    assert instruction("USER") == "65532:65532"
    command = json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD"))
    assert command == ["otelsiem", "run"]
    assert "OTELSIEM_CONFIG=/etc/otelsiem/otelsiem.yaml" in DOCKERFILE  # for `docker exec` too
    assert "COPY docker/otelsiem.yaml /etc/otelsiem/otelsiem.yaml" in DOCKERFILE


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    wanted = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {name.removeprefix("./") for line in wanted for name in line.split()}
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
