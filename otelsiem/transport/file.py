"""Records appended to a file of this machine: on disk when answered, every line whole.

Guarantees: an Answer means the body is on disk (fsync per batch, unless the settings say never), and so is the name of
the file. A write that fails is cut back to where it began. A file that somebody else renamed or removed is opened
anew; several processes may append to one path (flock), and none writes to a file after it was rotated.

A torn last line found at open was never answered, so its records come again: it is moved out to a `.torn` file beside,
neither kept among whole lines, where a reader would stumble, nor thrown away, since the file may be another's.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from otelsiem.model.destination import FileSettings
from otelsiem.model.exchange import Answer, Failure, Reply, Request, WriteRequest
from otelsiem.transport.rotation import Compressor, Rotation, stamped, sync_directory

try:
    import fcntl
except ImportError:  # Windows: one process per file
    fcntl = None  # type: ignore[assignment]

_TAIL = 16 << 20  # a last line longer than this is no record of ours; it gets a newline instead
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_sync = getattr(os, "fdatasync", os.fsync)  # the size is synced too; times are not worth an extra write


class FileTransport:
    """One path. Rotation by age goes by periods of UTC, so that restarts do not stretch it."""

    def __init__(self, settings: FileSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._path = Path(settings.path)
        self._rotation = Rotation(self._path, settings.keep, settings.mode)
        self._compressor = Compressor(self._rotation) if settings.compression == "gzip" else None
        self._lock = threading.Lock()
        self._descriptor = -1
        self._unchecked = True  # the last line may be torn
        self._stopped = False

    def perform(self, request: Request) -> Reply:
        if not isinstance(request, WriteRequest):
            return Failure("protocol", f"a file cannot carry a {type(request).__name__}")
        with self._lock:
            if self._stopped:
                return Failure("disk", f"{self._path}: interrupted")
            try:
                whole = not request.body or request.body.endswith(
                    b"\n"
                )  # an empty one only asks whether it can be written
                return self._append(request.body if whole else request.body + b"\n")
            except OSError as error:
                self._let_go()  # the next attempt looks afresh at what is there
                return Failure("disk", f"{self._path}: {(error.strerror or 'cannot be written').lower()}")
            except ValueError:  # a NUL in it, or no name at all
                return Failure("disk", "the path cannot be used")

    def interrupt(self) -> None:
        """A write in progress ends by itself: a disk cannot be hurried."""
        self._stopped = True

    def close(self) -> None:
        self._stopped = True
        with self._lock:
            self._let_go()
        if self._compressor is not None:
            self._compressor.close()

    def _append(self, body: bytes) -> Reply:
        file = self._locked()
        try:
            size, written = _size_and_time(file)
            if self._is_due(size, written, len(body)):
                file = self._rotate()
                size = 0
            self._write(file, body, size)
        finally:
            if self._descriptor >= 0:
                _unlock(self._descriptor)
        return Answer(200)

    def _write(self, file: int, body: bytes, start: int) -> None:
        done = 0
        try:
            while done < len(body):
                done += os.write(file, memoryview(body)[done:])
            if self._settings.fsync != "never":
                _sync(file)
        except OSError:
            # A failed fsync too: the kernel forgets which pages it could not write, so they are written again.
            self._unchecked = True
            with contextlib.suppress(OSError):
                if os.fstat(file).st_size == start + done:  # else a stranger appended meanwhile: not ours to cut
                    os.ftruncate(file, start)
            raise

    def _is_due(self, size: int, written: float, more: int) -> bool:
        if size == 0:
            return False
        full = 0 < self._settings.rotate_bytes < size + more
        period = self._settings.rotate_seconds
        return full or (period > 0 and written // period != self._clock() // period)

    def _rotate(self) -> int:
        """The file, locked, that takes over."""
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            self._rotation.put_aside(self._clock())
        self._let_go()
        self._rotation.prune()
        file = self._locked()
        if self._compressor is not None:
            self._compressor.nudge()
        return file

    def _locked(self) -> int:
        """The file that the path names now, open and ours until unlocked."""
        for _ in range(100):
            if self._descriptor < 0:
                self._descriptor = self._open()
            _lock(self._descriptor)
            if self._is_current():
                if self._unchecked:
                    self._mend()
                return self._descriptor
            self._let_go()
        raise OSError(0, "the file is renamed again and again by somebody else")

    def _open(self) -> int:
        self._make_directories(self._path.parent)
        fresh = not self._path.exists()
        file = os.open(self._path, _FLAGS, self._settings.mode)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(0, "not a regular file")
            if fresh:
                if hasattr(os, "fchmod"):  # the path may name another process's file by now
                    os.fchmod(file, self._settings.mode)  # exactly, whatever the umask
                sync_directory(self._path.parent)
            elif self._unchecked and self._compressor is not None:
                self._compressor.nudge()  # what a crash left uncompressed
        except BaseException:
            os.close(file)
            raise
        self._unchecked = True
        return file

    def _make_directories(self, directory: Path) -> None:
        if not directory.exists():
            self._make_directories(directory.parent)
            directory.mkdir(mode=0o750, exist_ok=True)
            sync_directory(directory.parent)

    def _is_current(self) -> bool:
        ours = os.fstat(self._descriptor)
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (ours.st_ino, ours.st_dev) == (named.st_ino, named.st_dev)

    def _mend(self) -> None:
        """Make the file end where a line ends."""
        file, (size, _) = self._descriptor, _size_and_time(self._descriptor)
        tail = _read(file, max(0, size - _TAIL), size)
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn == len(tail) == _TAIL:
            os.write(file, b"\n")
        elif torn:
            self._move_out(tail[-torn:])
            os.ftruncate(file, size - torn)
            os.fsync(file)
        self._unchecked = False

    def _move_out(self, fragment: bytes) -> None:
        beside = self._path.with_name(f"{self._path.name}.{stamped(self._clock())}.torn")
        copy = os.open(beside, os.O_CREAT | os.O_APPEND | os.O_WRONLY, self._settings.mode)
        try:
            done = 0
            while done < len(fragment):
                done += os.write(copy, memoryview(fragment)[done:])
            os.fsync(copy)
        finally:
            os.close(copy)
        sync_directory(beside.parent)

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)  # unlocks as well
            self._descriptor = -1


def _size_and_time(file: int) -> tuple[int, float]:
    status = os.fstat(file)
    return status.st_size, status.st_mtime


def _read(file: int, start: int, stop: int) -> bytes:
    """Only the last byte when that settles it."""
    if start == stop or os.pread(file, 1, stop - 1) == b"\n":
        return b"\n" if start != stop else b""
    return os.pread(file, stop - start, start)


def _lock(file: int) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX)


def _unlock(file: int) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_UN)
