"""Whether there is room for more, and what is missing when there is not."""

from __future__ import annotations

import os
from pathlib import Path

MIB = 1 << 20
FLOOR = 128 * MIB  # bytes of the disk that are left alone


def shortage(used: int, most: int, free: int, floor: int, *, reserve: bool) -> str:
    """Why intake must wait; "" = it need not. `used`: bytes of pages in use and of the log."""
    if used >= most:
        return f"it holds {used // MIB} MiB of the {most // MIB} MiB it may"
    if free < floor:
        return f"the disk has {free // MIB} MiB left, of which {floor // MIB} MiB are not for the journal"
    if not reserve:
        return "the disk was full, and its reserve could not be made again yet"
    return ""


def free_room(directory: Path) -> int:
    """Bytes that this user may still write on its disk."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize
