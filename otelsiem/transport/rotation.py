"""What becomes of a file that is full or old: a name of its own with the time in it, gzip, and in the end removal.

`audit.jsonl` becomes `audit-20260727T101530.123456Z.jsonl`. Guarantees: no file is ever overwritten; a rotated file is
removed only when its compressed copy is on disk whole, or when `keep` newer ones exist; what a crash left half done is
done again.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: one process per file
    fcntl = None  # type: ignore[assignment]

_BLOCK = 256 << 10
_log = logging.getLogger(__name__)


class Rotation:
    """The rotated files of one path."""

    def __init__(self, path: Path, keep: int, mode: int) -> None:
        self._path = path
        self._keep = keep
        self._mode = mode
        stem, ending = re.escape(path.stem), re.escape(path.suffix)
        self._pattern = re.compile(rf"{stem}-(\d{{8}}T\d{{6}}\.\d{{6}}Z)(?:-(\d+))?{ending}(\.gz)?")

    def put_aside(self, now: float) -> Path:
        """Give the current file its name in history; on disk when this returns."""
        target = self._reserve(now)
        try:
            os.replace(self._path, target)  # over our own empty file: rename alone would overwrite another's
        except BaseException:
            target.unlink()
            raise
        sync_directory(self._path.parent)
        return target

    def prune(self) -> None:
        """Remove all but the newest `keep`; 0 keeps all."""
        if self._keep <= 0:
            return
        kept = sorted({key for key, _ in self._rotated()}, reverse=True)[: self._keep]
        for key, path in self._rotated():
            if key not in kept:
                path.unlink(missing_ok=True)

    def compress(self, stop: threading.Event) -> None:
        """Compress every rotated file that is not yet; ends early when told to."""
        for _, path in sorted(self._rotated()):
            if path.suffix != ".gz" and not stop.is_set():
                with contextlib.suppress(FileNotFoundError):  # pruned, or done by another process
                    _compress(path, self._mode, stop)

    def _rotated(self) -> list[tuple[tuple[str, int], Path]]:
        return list(self._matches())

    def _matches(self) -> Iterator[tuple[tuple[str, int], Path]]:
        for name in os.listdir(self._path.parent):
            match = self._pattern.fullmatch(name)
            if match:
                yield (match[1], int(match[2] or 0)), self._path.with_name(name)

    def _reserve(self, now: float) -> Path:
        stamp = stamped(now)
        for n in range(1000):
            again = f"-{n}" if n else ""
            target = self._path.with_name(f"{self._path.stem}-{stamp}{again}{self._path.suffix}")
            with contextlib.suppress(FileExistsError):
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, self._mode))
                if not target.with_name(target.name + ".gz").exists():
                    return target
                target.unlink()
        raise FileExistsError(0, "no free name for the rotated file")


class Compressor:
    """Compresses in a thread of its own, so that no answer waits for it; begun with the first thing to do."""

    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="otelsiem-gzip", daemon=True)
            self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """What is half done stays uncompressed until the next start."""
        self._stop.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stop.is_set():
                return
            try:
                self._rotation.compress(self._stop)
            except OSError as error:  # no room: the file stays as it is, and the next rotation tries again
                _log.warning("a rotated file stays uncompressed: %s", error.strerror)


def stamped(now: float) -> str:
    """The time as it stands in file names."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def sync_directory(directory: Path) -> None:
    """Make names in this directory durable."""
    if os.name != "posix":  # Windows cannot open a directory
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compress(path: Path, mode: int, stop: threading.Event) -> None:
    final, half = path.with_name(path.name + ".gz"), path.with_name(path.name + ".gz.half")
    with path.open("rb") as source:
        if fcntl is not None:  # one process at a time, and after the last writer has let go
            fcntl.flock(source, fcntl.LOCK_EX)
        if os.fstat(source.fileno()).st_size == 0:
            return  # a reserved name: another process is about to give it to its full file
        if not final.exists():  # else a crash came between rename and unlink
            try:
                if not _pack(path, source, half, mode, stop):
                    return
                os.replace(half, final)
            finally:
                half.unlink(missing_ok=True)
            sync_directory(path.parent)
        path.unlink()


def _pack(path: Path, source: BinaryIO, half: Path, mode: int, stop: threading.Event) -> bool:
    with os.fdopen(os.open(half, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "wb") as raw:
        with gzip.GzipFile(path.name, "wb", fileobj=raw, mtime=0) as packed:
            while block := source.read(_BLOCK):
                if stop.is_set():
                    return False
                packed.write(block)
        raw.flush()
        os.fsync(raw.fileno())
        shutil.copystat(path, half)  # the times of the records, not of the compression
    return True
