"""File: Collector keys, lines that are whole records in every format, and writes that never blame them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from otelsiem.destinations.file import File
from otelsiem.formats.named import FormatName
from otelsiem.model.destination import FileSettings, Moment
from otelsiem.model.exchange import Answer, Failure, Reply, WriteRequest
from otelsiem.model.outcome import Delivered, Hold, Outcome, Retry
from otelsiem.model.record import Batch, count
from otelsiem.testing.conformance import check_encode, drive, sample
from tests.benchmarks.records import standard
from tests.examples import some
from tests.formats import hostile, strategies
from tests.formats.cef_reader import read as read_cef
from tests.formats.leef_reader import read as read_leef

AT = Moment(now=1_767_225_601_000_000_000)


def file(**settings: Any) -> File:
    return File.model_validate({"path": "audit.jsonl", **settings})


@pytest.mark.parametrize(
    ("settings", "wire"),
    [
        ({}, FileSettings("/audit.jsonl")),
        ({"rotation": {}}, FileSettings("/audit.jsonl", rotate_bytes=100 << 20)),
        ({"rotation": {"max_megabytes": 5, "max_backups": 3, "compression": "gzip"}},
         FileSettings("/audit.jsonl", rotate_bytes=5 << 20, keep=3, compression="gzip")),
        ({"rotation": {"max_megabytes": 0, "max_age": "12h"}}, FileSettings("/audit.jsonl", rotate_seconds=43_200.0)),
        ({"rotation": {"max_megabytes": 0, "max_days": 2}}, FileSettings("/audit.jsonl", rotate_seconds=172_800.0)),
        ({"rotation": {"max_megabytes": 0, "max_days": 0}}, FileSettings("/audit.jsonl")),
        ({"fsync": "never", "mode": "0640"}, FileSettings("/audit.jsonl", fsync="never", mode=0o640)),
    ],
)  # fmt: skip
def test_settings_reach_the_transport(settings: dict[str, Any], wire: FileSettings) -> None:
    assert file(path="/audit.jsonl", **settings).wire == wire


def test_a_relative_path_stays_where_it_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there, gone = [tmp_path / name for name in ("here", "there", "gone")]
    for one in (here, there, gone):
        one.mkdir()
    monkeypatch.chdir(here)
    said, twin = file(path="logs/audit.jsonl"), file(path="logs/audit.jsonl")
    monkeypatch.chdir(there)
    moved = pickle.loads(pickle.dumps(said.model_copy(update={"fsync": "never"})))
    assert [one.wire.path for one in (said, moved)] == [str(here / "logs/audit.jsonl")] * 2
    assert said.path == "logs/audit.jsonl", "as it was written"
    assert said == twin != file(path="logs/audit.jsonl")
    assert file(path="/audit.jsonl") == file(path="/audit.jsonl")
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert file().wire.path == "audit.jsonl", "and the write says that it cannot be"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"path": ""}, "names no file"),
        ({"path": "logs/"}, "directory"),
        ({"path": "a\0b"}, "names no file"),
        ({"format": "proto"}, "json"),
        ({"format": "json", "cef": {}}, "format is json"),
        ({"format": "cef", "leef": {}}, "format is cef"),
        ({"format": "cef", "cef": {"version": 2}}, "0 or 1"),
        ({"format": "leef", "leef": {"version": "3.0"}}, "1.0"),
        ({"format": "leef", "leef": {"delimiter": "|"}}, "one of"),
        ({"format": "leef", "leef": {"delimiter": "0x7C"}}, "one of"),
        ({"format": "leef", "leef": {"version": "1.0", "delimiter": "~"}}, "only the tab"),
        ({"fsync": "sometimes"}, "batch"),
        ({"mode": "rw"}, "match pattern"),
        ({"rotation": {"max_days": 1, "max_age": "1h"}}, "one of them"),
        ({"rotation": {"max_days": "two"}}, "number of days"),
        ({"rotation": {"max_megabytes": -1}}, "greater than or equal"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        file(**settings)


@given(strategies.batches)
@settings(deadline=None)
def test_every_line_is_one_document(batch: Batch) -> None:
    encoded = check_encode(file(), batch, AT)
    body = b"".join(payload.body for payload in encoded.payloads)
    assert len([json.loads(line) for line in body.split(b"\n")[:-1]]) == count(batch)


@pytest.mark.parametrize("name", get_args(FormatName))
@given(batch=hostile.batches_that_a_journal_holds)
@settings(deadline=None, max_examples=some(30))
def test_p2_in_every_format_a_record_is_one_line_or_rejected(name: str, batch: Batch) -> None:
    encoded = check_encode(file(format=name), batch, AT)
    for payload in encoded.payloads:
        assert payload.body.endswith(b"\n")
        assert payload.body.count(b"\n") == len(payload.indices)
        assert b"\r" not in payload.body
    if name in ("cef", "leef"):
        assert not encoded.rejected, "no value is too hostile to be shown"


@pytest.mark.parametrize("name", get_args(FormatName))
def test_a_megabyte_more_than_a_write_holds_goes_in_several(name: str) -> None:
    batch = standard(4000)
    encoded = file(format=name).encode(batch, AT)
    assert len(encoded.payloads) >= 4
    assert all(len(payload.body) <= 1 << 20 for payload in encoded.payloads)
    assert [index for payload in encoded.payloads for index in payload.indices] == [*range(4000)]


def test_versions_and_delimiters() -> None:
    one = sample()

    def line(**settings: Any) -> bytes:
        return file(**settings).encode(one, AT).payloads[0].body.splitlines()[0]

    assert read_cef(line(format="cef")).version == 0
    assert read_cef(line(format="cef", cef={"version": 1})).version == 1
    assert read_leef(line(format="leef")).version == "2.0"
    for version in ("1.0", 1.0, 1):
        assert read_leef(line(format="leef", leef={"version": version})).version == "1.0"
    for written in ("tab", "\t", "0x09", "x09"):
        assert b"|0x09|sev=" in line(format="leef", leef={"delimiter": written})
    assert b"|~|sev=" in line(format="leef", leef={"delimiter": "0x7e"})


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [(Answer(200), Delivered), (Answer(400), Hold), (Answer(500), Hold), (Failure("disk", "no space left"), Retry)],
)
def test_a_write_never_blames_the_records(reply: Reply, verdict: type[Outcome]) -> None:
    payload = file().encode(sample(), AT).payloads[0]
    asked = next(file().exchange(payload, AT))
    assert isinstance(asked, WriteRequest)
    assert asked.body == payload.body
    assert isinstance(drive(file().exchange(payload, AT), reply), verdict)
    assert isinstance(drive(file().probe(AT), reply), verdict)


def test_the_probe_writes_nothing() -> None:
    asked = next(file().probe(AT))
    assert isinstance(asked, WriteRequest)
    assert asked.body == b""
