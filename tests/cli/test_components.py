"""`otelsiem components` and `otelsiem schema`: what is installed here, and what a file may say about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from otelsiem.cli.app import app
from otelsiem.cli.exits import Exit


def call(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == Exit.OK, result.output
    return result


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with one destination that works, one that cannot be imported and one that is no model."""
    info = tmp_path / "their_package-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[otelsiem.destinations]\n"
        "their_siem = their_siem:TheirSiem\n"
        "broken_siem = nowhere_at_all:X\n"
        "other_siem = json:loads\n"
    )
    (tmp_path / "their_siem.py").write_text(
        "from pydantic import BaseModel, ConfigDict, Field\n"
        "class TheirSiem(BaseModel):\n"
        '    """Events to their SIEM.\n\n    More about it."""\n'
        "    model_config = ConfigDict(extra='forbid')\n"
        "    colour: str = Field('blue', description='of the events')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_every_type_has_its_origin_and_a_sentence() -> None:
    found = json.loads(call("components", "--json").stdout)["components"]
    assert {"receivers", "processors", "exporters"} <= {one["section"] for one in found}
    assert all(one["origin"] == "built in" and one["sentence"].endswith(".") for one in found)
    told = call("components").stdout
    for one in found:
        assert one["sentence"] in told
    assert "none in this version" in told


def test_a_type_of_another_package_is_listed_with_its_package_or_with_what_is_wrong(theirs: None) -> None:
    found = {one["type"]: one for one in json.loads(call("components", "--json").stdout)["components"]}
    assert found["their_siem"]["origin"] == "their-package 1.2"
    assert (found["their_siem"]["sentence"], found["their_siem"]["problem"]) == ("Events to their SIEM.", "")
    assert "No module named 'nowhere_at_all'" in found["broken_siem"]["problem"]
    assert found["other_siem"]["problem"] == "json:loads is neither a pydantic model class nor a SiemAdapter"
    line = next(line for line in call("components").stdout.splitlines() if "broken_siem" in line)
    assert line.split()[:4] == ["exporters", "broken_siem", "their-package", "1.2"]
    assert "No module named 'nowhere_at_all'" in line


def test_the_schema_is_one_and_knows_what_is_installed(theirs: None) -> None:
    document = json.loads(call("schema").stdout)
    Draft202012Validator.check_schema(document)
    file = {
        "receivers": {"otlp": {"protocols": {"grpc": None}}},
        "exporters": {"their_siem": {"colour": "red", "start_at": "beginning"}},
        "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["their_siem"]}}},
    }
    validator = Draft202012Validator(document)
    assert list(validator.iter_errors(file)) == []
    file["exporters"] = {"their_siem": {"color": "red"}}
    assert [error.message for error in validator.iter_errors(file)] != []
