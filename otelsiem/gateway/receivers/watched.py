"""What some files say, read again when they change: certificates and tokens are replaced without a restart.

Guarantees: what was read once stays until something better is read: files that cannot be used are one ERROR per
change and nothing else. Looking costs a stat of each file, at most once in `interval` seconds. Any thread may ask.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from otelsiem.model.errors import OtelsiemError
from otelsiem.telemetry.log import fields

T = TypeVar("T")

log = logging.getLogger("otelsiem.gateway.receivers")


class UnusableError(OtelsiemError):
    """A file that cannot be used; `key` is the setting that names it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def content(key: str, path: Path) -> bytes:
    """The bytes of a file, or an UnusableError that names it."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as why:  # ValueError: a NUL in the path
        reason = (why.strerror if isinstance(why, OSError) else "") or str(why)
        raise UnusableError(key, f"cannot read {str(path)!r}: {reason}") from why


class Watched(Generic[T]):
    """The value that `read` makes of the files. The first reading raises UnusableError; later ones only log it."""

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[], T],
        interval: float,
        what: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._read, self._interval, self._what, self._clock = files, read, interval, what, clock
        self._lock = threading.Lock()
        self._seen = self._signature()
        self._value = read()
        self._next = clock() + interval

    def now(self, *, at_once: bool = False) -> T:
        """The value as the files are now, or were less than `interval` seconds ago; `at_once`: now."""
        if not self._files or (not at_once and self._clock() < self._next):
            return self._value
        with self._lock:
            self._next = self._clock() + self._interval
            if (seen := self._signature()) != self._seen:
                self._seen = seen  # taken before the reading: what changes meanwhile is seen at the next look
                self._again()
        return self._value

    def _again(self) -> None:
        try:
            self._value = self._read()
        except UnusableError as why:
            said = fields(reason=str(why))  # without a traceback: the sentence says it all
            log.error("%s cannot be read again; the old stays in use", self._what, extra=said)  # noqa: TRY400
        else:
            log.info("%s: read again", self._what)

    def _signature(self) -> Sequence[object]:
        return [_signature(file) for file in self._files]


def _signature(file: Path) -> object:
    try:
        stat = file.stat()
    except (OSError, ValueError) as why:
        return type(why)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns  # ctime: a chmod may make it readable
