"""The reference page says every key, default and row that the code has, and its examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from otelsiem.config import model
from otelsiem.config.collector import TABLE
from otelsiem.config.load import load
from otelsiem.config.validate import keys

PAGE = (Path(__file__).parents[2] / "docs/reference/configuration.md").read_text(encoding="utf-8")

BLOCKS: tuple[type[BaseModel], ...] = (
    model.Grpc, model.Http, model.ExporterSettings, model.SendingQueue, model.Batching, model.RetryOnFailure,
    model.RateLimit, model.HoldSettings, model.Service, model.Pipeline, model.JournalSettings, model.History,
    model.AdminSettings, model.ShutdownSettings,
)  # fmt: skip


def shown(info: FieldInfo) -> str:
    """The default as a person would type it."""
    default = info.default
    if info.is_required():
        return "required"
    if isinstance(default, BaseModel):
        return "see below"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "unset" if default is None else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.__name__))
def test_every_key_is_documented(block: type[BaseModel]) -> None:
    for key, info in keys(block).items():
        row = f"| `{key}` | {shown(info)} | {info.description} |"
        assert row in PAGE, row


def test_every_row_of_the_collectors_table_is_documented() -> None:
    for row in TABLE:
        line = f"| `{row.path}` | {'accepted' if row.accepted else 'refused'} | {row.why} |"
        assert line in PAGE, line


def test_every_example_is_valid(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    (tmp_path / "hec.token").write_text("t0ken\n")
    for text in examples:
        path = tmp_path / "example.yaml"
        path.write_text(text)
        load([path], {"SPLUNK_HEC_TOKEN": "t0ken"})
