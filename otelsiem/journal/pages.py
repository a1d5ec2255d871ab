"""The pages of a SQLite file as they lie on the disk, those in its log included: read without SQLite.

Guarantees: whatever the bytes are, an answer or None; never an exception for what they say.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import BinaryIO, Self

from otelsiem.journal import wal
from otelsiem.journal.schema import PAGE

ROOT, FREE, BRANCH = 1, 2, 5  # of a pointer map; 3 and 4 are overflow pages (SQLite file format 1.8)
_PER_MAP = PAGE // 5
_POINTER = struct.Struct(">BI")


class Pages:
    """`count` is what the file holds, not what its header says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = contextlib.ExitStack()
        self._file = self._stack.enter_context(path.open("rb"))
        beside = path.with_name(path.name + "-wal")
        self.log = wal.read(beside, PAGE)
        self._log = self._stack.enter_context(beside.open("rb")) if self.log.pages or self.log.broken else None
        self.count = max(self._file.seek(0, 2) // PAGE, self.log.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def get(self, number: int) -> bytes | None:
        """The newest good image of a page."""
        offset = self.log.pages.get(number)
        if offset is not None:
            return self._logged(offset)
        if not 1 <= number <= self.count:
            return None
        return _read(self._file, (number - 1) * PAGE)

    def broken(self) -> list[tuple[int, bytes]]:
        """Newer images that are damaged: some of their rows may be whole."""
        found = [(number, self._logged(offset)) for number, offset in self.log.broken.items()]
        return [(number, image) for number, image in found if image is not None]

    def pointer(self, number: int) -> tuple[int, int] | None:
        """What the pointer map says of a page: its kind, and its parent."""
        group = (number - 2) // (_PER_MAP + 1)
        home = group * (_PER_MAP + 1) + 2
        at = number - home - 1
        if number < 3 or at < 0:
            return None  # the header's page, or a map itself
        image = self.get(home)
        if image is None:
            return None
        kind, parent = _POINTER.unpack_from(image, at * 5)
        return (kind, parent) if ROOT <= kind <= BRANCH else None

    def _logged(self, offset: int) -> bytes | None:
        assert self._log is not None
        return _read(self._log, offset)

    def fold(self) -> None:
        """Write the pages of the log into the file, as a checkpoint does; on the disk when this returns."""
        with self._path.open("r+b") as file:
            for number in self.log.pages:
                image = self.get(number)
                if image is not None:
                    file.seek((number - 1) * PAGE)
                    file.write(image)
            if self.log.size:
                file.truncate(self.log.size * PAGE)
            file.flush()
            os.fsync(file.fileno())


def _read(file: BinaryIO, offset: int) -> bytes | None:
    try:
        file.seek(offset)
        image = file.read(PAGE)
    except OSError:  # a bad sector: what it held is lost, the others are not
        return None
    return image if len(image) == PAGE else None
