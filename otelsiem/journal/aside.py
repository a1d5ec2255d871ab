"""The side file of a repair: what could not be kept in the journal, byte for byte, one JSON line each."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TextIO


class Aside:
    """Made when the first thing is put aside; its owner's alone, and on the disk before the journal changes."""

    def __init__(self, directory: Path, stamp: str) -> None:
        self.path = directory / f"journal-damaged-{stamp}.jsonl"
        self.count = 0
        self._file: TextIO | None = None

    def put(self, table: str, why: str, columns: dict[str, object]) -> None:
        """One row; bytes become base64."""
        if self._file is None:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(fd, "w", encoding="ascii")
        self._file.write(json.dumps({"table": table, "why": why, **{k: _plain(v) for k, v in columns.items()}}) + "\n")
        self.count += 1

    def keep(self) -> None:
        """What was put is on the disk when this returns."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _plain(value: object) -> object:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
