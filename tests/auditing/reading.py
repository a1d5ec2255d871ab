"""A file as the receiver: what an audit log delivered there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otelsiem import AuditLog, File


def delivered(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


@contextmanager
def audit_log(folder: Path, **settings: Any) -> Iterator[tuple[AuditLog, Path]]:
    """One that delivers to a file, closed at the end."""
    out = folder / "out.jsonl"
    log = AuditLog(File(path=str(out)), **{"journal": folder / "journal", **settings})
    try:
        yield log, out
    finally:
        log.close(5)
