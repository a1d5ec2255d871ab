"""What an audit log is told to do, checked at once; nothing is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelsiem import File, SiemLogExporter
from otelsiem.auditing.setup import checked


def test_a_journal_is_where_it_was_when_it_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that goes to `/` as a daemon would look for it there, and find neither room nor what was left."""
    monkeypatch.chdir(tmp_path)
    there = File(path=str(tmp_path / "out"))
    setup, exporter = checked([there], {"journal": "audit-journal/"}), SiemLogExporter(there, journal="sdk-journal")
    monkeypatch.chdir("/")
    assert setup.journal == tmp_path / "audit-journal"
    assert exporter._directory == tmp_path / "sdk-journal"
    exporter.shutdown()
