"""Room set aside for the day the disk is full: a preallocated file that is unlinked to let settles go on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

SIZE = 16 << 20
NAME = "journal.reserve"


class Reserve:
    """On a full disk SQLite cannot even checkpoint, so the log cannot be reused: only a freed file helps (measured)."""

    def __init__(self, directory: Path, size: int = SIZE) -> None:
        self._path, self._size = directory / NAME, size
        self.whole = False

    def make(self) -> bool:
        """Set the room aside; False when there is none."""
        if self._size == 0:
            self.whole = True
            return True
        self.whole = self.there() or self._allocate()
        return self.whole

    def there(self) -> bool:
        """Whether the file is there, as large as it must be."""
        try:
            return self._path.stat().st_size == self._size
        except FileNotFoundError:
            return False

    def _allocate(self) -> bool:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self._size)
            return True
        except OSError as error:
            self._path.unlink()
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                return False
            raise
        finally:
            os.close(fd)

    def unlink(self) -> bool:
        """Give the room to the journal; False when it was given already."""
        self.whole = False
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
