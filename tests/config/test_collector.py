"""The table of the Collector's keys: nothing of the Collector is missing in it, and it says nothing of our own keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelsiem.config.blocks import document, reached
from otelsiem.config.collector import ACCEPTED, MAPPED, REFUSED, SAME, TABLE, Row, bare, instead, meant
from otelsiem.config.components import SECTIONS, Section
from otelsiem.config.load import load
from otelsiem.config.sources import Sources
from otelsiem.model.errors import ConfigError

HERE = Path(__file__).parent
DOCUMENT = document()


def keys() -> Iterator[str]:
    for line in (HERE / "collector_keys.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            path, names = line.split(": ")
            yield from (f"{path}.{name}" for name in names.split())


def speaks_of(row: Row, path: list[str]) -> bool:
    """Whether the row is about this key, or about a block that it stands in."""
    return len(row.steps) <= len(path) and all(
        names == ("*",) or step in names or (n == 1 and bare(step) in map(bare, names))
        for n, (names, step) in enumerate(zip(row.steps, path, strict=False))
    )


def ours(path: tuple[str, ...]) -> bool:
    """Whether a model of ours has this key."""
    return any(path[-1] in block.get("properties", {}) for block in reached(DOCUMENT, [(step,) for step in path[:-1]]))


@pytest.mark.parametrize("path", sorted(set(keys())))
def test_every_key_of_the_collector_is_honoured_mapped_accepted_or_refused(path: str) -> None:
    steps = path.split(".")
    assert ours(tuple(steps)) or any(speaks_of(row, steps) for row in TABLE), "write a row in otelsiem/config/dialect"


def spelled_out(row: Row) -> list[tuple[str, ...]]:
    return list(itertools.product(*row.steps))


@pytest.mark.parametrize("row", [row for row in TABLE if len(row.steps) > 2], ids=lambda row: str(row.path)[:80])
def test_a_row_of_our_own_key_says_that_it_is_the_same_and_no_other_does(row: Row) -> None:
    for path in spelled_out(row):
        assert ours(path) == (row.verdict is SAME), ".".join(path)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: str(section.name))
def test_no_type_that_is_here_is_called_missing(section: Section) -> None:
    name, types = section.name, section.types()
    assert [kind for kind in types if instead(name, kind)] == []
    assert {row.to for row in TABLE if row.of_type and row.steps[0] == (name,) and row.verdict is MAPPED} <= {*types}


def test_both_spellings_of_a_type_are_one() -> None:
    assert instead("exporters", "loadbalancing") == instead("exporters", "load_balancing") != ""
    assert instead("receivers", "filelog") == instead("receivers", "file_log") != ""
    assert instead("processors", "k8sattributes") == instead("processors", "k8s_attributes") != ""
    assert instead("exporters", "loki") != instead("receivers", "loki")
    assert meant("exporters", "debug") == meant("exporters", "logging") == "console"
    assert meant("exporters", "otlp_grpc") == meant("exporters", "otlp") == "otlp"
    assert meant("exporters", "file") == "file"
    assert meant("receivers", "debug") == "debug"


def test_every_row_says_what_to_do_or_why_it_is_not_needed() -> None:
    assert [row.path for row in TABLE if row.verdict in {ACCEPTED, REFUSED} and not row.why] == []
    assert [row.path for row in TABLE if row.verdict is MAPPED and not row.to] == []
    assert [row.path for row in TABLE if row.only and row.verdict is not ACCEPTED] == []


def test_a_type_that_another_package_brings_is_used_though_the_table_calls_it_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[otelsiem.destinations]\nloki = otelsiem.destinations.file:File\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "receivers: {otlp: {protocols: {grpc: }}}\n"
        "exporters: {loki/soc: {path: x}}\n"
        "service: {pipelines: {logs: {receivers: [otlp], exporters: [loki/soc]}}}\n"
    )
    with pytest.raises(ConfigError, match="there is no exporter of type 'loki' \\(not in this version"):
        load(Sources.files(config), {})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(load(Sources.files(config), {}).exporters) == ["loki/soc"]
