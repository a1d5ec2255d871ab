"""`resume`: one exporter takes over the place of one that is gone, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelsiem.config.assemble import assemble
from otelsiem.config.load import load
from otelsiem.config.sources import Sources
from otelsiem.model.errors import ConfigError

TEXT = """\
receivers: {otlp: {protocols: {grpc: }}}
exporters:
  file/new:
    path: new.jsonl
    resume: file/old
  file/more:
    path: more.jsonl
    resume: %s
  file/eu:
    path: eu.jsonl
service:
  pipelines:
    logs: {receivers: [otlp], exporters: [file/new, file/more]}
    logs/eu: {receivers: [otlp], exporters: [file/new, file/eu]}
"""


def path_of(tmp_path: Path, resume: str) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(TEXT % resume)
    return path


def test_each_pipeline_of_the_exporter_takes_over(tmp_path: Path) -> None:
    plan = assemble(load(Sources.files(path_of(tmp_path, "file/elder")), {}))
    resumed = {(one.pipeline, one.settings.name): one.resume for one in plan.deliveries}
    assert resumed == {
        ("logs", "file/new"): "file/old",
        ("logs", "file/more"): "file/elder",
        ("logs/eu", "file/new"): "file/old",
        ("logs/eu", "file/eu"): "",
    }


@pytest.mark.parametrize(
    ("resume", "told"),
    [
        ("file/new", "file/new still works in pipeline logs (remove it from the pipeline, or remove this key)"),
        ("file/more", "file/more still works in pipeline logs (remove it from the pipeline, or remove this key)"),
        ("file/old", "file/new takes over file/old in pipeline logs already (one exporter takes over)"),
    ],
)
def test_p8_nobody_takes_over_one_that_is_there_or_taken(tmp_path: Path, resume: str, told: str) -> None:
    path = path_of(tmp_path, resume)
    with pytest.raises(ConfigError) as caught:
        load(Sources.files(path), {})
    assert [str(problem) for problem in caught.value.problems] == [f"{path}:8: exporters.file/more.resume: {told}"]


def test_one_of_another_pipeline_may_be_named(tmp_path: Path) -> None:
    """Its records in this pipeline are another place."""
    assert load(Sources.files(path_of(tmp_path, "file/eu")), {})
