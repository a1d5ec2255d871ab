"""Whose records a journal holds, beside it in `exporters.json`: for others that find it when its process is dead.

Guarantees: no secret is in it; one that cannot be read says nothing, which is never taken for consent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

NAME = "exporters.json"


class Note(msgspec.Struct, frozen=True):
    """`exporters`: by name, a mark of the settings (`model/mark.py`). `service`: of the application; "" = not said."""

    service: str = ""
    exporters: Mapping[str, str] = {}


def write(directory: Path, note: Note) -> None:
    """It is there whole or not at all."""
    beside = directory / f"{NAME}.new"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(note))
    beside.rename(directory / NAME)


def read(directory: Path) -> Note | None:
    """What was written, or None."""
    try:
        return msgspec.json.decode((directory / NAME).read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError):
        return None
