"""P8: the catalogue of wrong configurations. Each `wrong/NAME.yaml` says exactly what `wrong/NAME.txt` holds.

The folder `odd` holds configurations that start and are told something. `--update-golden` writes the texts: read them
as the person who is on call.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from otelsiem.cli.app import app
from otelsiem.cli.exits import Exit

HERE = Path(__file__).parent
TOKEN = "s3cr3t-token-value"
WRONG = sorted((HERE / "wrong").glob("*.yaml"))
ODD = sorted((HERE / "odd").glob("*.yaml"))


def validated(path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(path.parent)
    env: dict[str, str | None] = {**dict.fromkeys(os.environ), "TOKEN": TOKEN}
    return CliRunner().invoke(app, ["validate", "--config", path.name], env=env)


def compare(path: Path, said: str, *, update: bool) -> None:
    golden = path.with_suffix(".txt")
    if update:
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text("utf-8")


def test_the_catalogue_is_there() -> None:
    assert len(WRONG) > 150
    assert {path.stem for path in (HERE / "wrong").glob("*.txt")} == {path.stem for path in WRONG}
    assert {path.stem for path in (HERE / "odd").glob("*.txt")} == {path.stem for path in ODD}


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_p8_a_wrong_configuration_is_told_in_these_words(
    path: Path, monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    result = validated(path, monkeypatch)
    assert (result.exit_code, result.stdout) == (Exit.CONFIG, "")
    assert TOKEN not in result.stderr
    compare(path, result.stderr, update=update_golden)


@pytest.mark.parametrize("path", ODD, ids=lambda path: path.stem)
def test_an_odd_configuration_starts_and_is_told_in_these_words(
    path: Path, monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    result = validated(path, monkeypatch)
    assert result.exit_code == Exit.OK
    compare(path, result.stderr + result.stdout, update=update_golden)


def test_p8_run_with_a_wrong_configuration_opens_no_port_and_makes_no_journal(tmp_path: Path) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(HERE / "wrong", folder)
    before = sorted(folder.rglob("*"))
    command = [sys.executable, "-B", str(HERE / "run_each.py"), *[path.name for path in WRONG]]
    env = {"TOKEN": TOKEN, "PATH": os.environ["PATH"], "PYTHONPATH": str(HERE.parents[1])}
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    answers = json.loads(ended.stdout.splitlines()[-1])
    assert {"socket.bind", "open", "os.mkdir"} <= set(answers.pop("control")[1])  # its eyes are open
    assert len(answers) == len(WRONG)
    assert {name: answer for name, answer in answers.items() if answer != [Exit.CONFIG, []]} == {}
    assert sorted(folder.rglob("*")) == before


MANY = {  # more than one mistake, or one that two keys follow from
    "collector-exporter-elasticsearch",
    "collector-exporter-opensearch",
    "collector-receiver-unix-socket",
    "collector-splunk-and-elasticsearch",
    "receiver-tls-ca-file",
    "several-at-once",
}


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_p8_every_mistake_is_told_once_and_in_the_order_of_the_file(path: Path) -> None:
    *_, count = lines = path.with_suffix(".txt").read_text("utf-8").splitlines()
    told = [line for line in lines if line.startswith(f"{path.name}:")]
    places = [int(line.split(":")[1]) for line in told]
    assert places == sorted(places)
    assert len({line.split(": ")[1] for line in told}) == len(told)
    assert (len(told) > 1) == (path.stem in MANY)
    assert count == (
        f"otelsiem: {len(told)} problems in the configuration; nothing was started"
        if len(told) > 1
        else "otelsiem: one problem in the configuration; nothing was started"
    )
