"""P8 for what is not installed: told when the file is checked, not when a record waits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from otelsiem.config.load import load
from otelsiem.config.sources import Sources
from otelsiem.model.errors import ConfigError

FILE = """\
receivers: {{otlp: {{protocols: {{http: }}}}}}
exporters:
  {id}: {keys}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: ["{id}"]}}}}}}
"""
KAFKA = "{brokers: ['k:9092'], topic: t}"
SIGNED = "{endpoint: 'https://os.example.com', auth: {sigv4: {region: eu-central-1}}}"


@pytest.mark.parametrize(
    ("id_", "keys", "module", "line"),
    [
        (
            "kafka/bus",
            KAFKA,
            "confluent_kafka",
            "'confluent-kafka', which is not installed (pip install 'otelsiem[kafka]",
        ),
        ("opensearch", SIGNED, "botocore", "'botocore', which is not installed (pip install 'otelsiem[aws]"),
    ],
)
def test_p8_an_exporter_whose_package_is_missing_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, id_: str, keys: str, module: str, line: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(FILE.format(id=id_, keys=keys))
    pytest.importorskip(module)
    assert id_ in load(Sources.files(path), {}).exporters
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as caught:
        load(Sources.files(path), {})
    [problem] = caught.value.problems
    assert str(problem) == f"{path}:3: exporters.{id_}: needs the package {line}')"


def test_one_that_is_switched_off_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(FILE.format(id="kafka", keys=KAFKA.replace("{", "{enabled: false, ")).replace('["', '[console, "'))
    path.write_text(path.read_text().replace("exporters:\n", "exporters:\n  console:\n", 1))
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    assert list(load(Sources.files(path), {}).exporters) == ["console"]


def test_opensearch_without_signatures_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(FILE.format(id="opensearch", keys="{endpoint: 'https://os.example.com'}"))
    monkeypatch.setitem(sys.modules, "botocore", None)
    assert "opensearch" in load(Sources.files(path), {}).exporters
