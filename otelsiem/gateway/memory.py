"""How the C allocator of a gateway keeps memory: what one batch gave back, the next one takes.

As it comes, glibc may return blocks of a megabyte to the kernel and get them again for the next payload, zeroed page by
page: up to 0.6 page faults per record, depending on how payloads are built (measured; with this under 0.01, and 10 MB
less resident, because no arena is kept per thread; ADR 8). Where there is no glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import sys

# The numbers of mallopt(3) in malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEPT = 128 << 20  # bytes that may stay free at the top of the heap
LARGEST = 32 << 20  # bytes of a block that comes from the heap; glibc takes no more


def keep_memory() -> bool:
    """Once, before the first thread. False when the allocator cannot be told."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl: its allocator has nothing to set
        return False
    done = [mallopt(M_ARENA_MAX, 1), mallopt(M_MMAP_THRESHOLD, LARGEST), mallopt(M_TRIM_THRESHOLD, KEPT)]
    return all(done)
