"""Bodies made smaller: gzip at level 1, by isal where it is installed (five times faster than zlib, measured.md 3).

Small bodies stay as they are: below WORTHWHILE the header and the peer's work cost more than the bytes saved.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

WORTHWHILE = 1536  # bytes

try:
    from isal import isal_zlib

    _deflate: Callable[[bytes, int, int], bytes] = isal_zlib.compress
except ImportError:  # an optional speed-up: the result is gzip either way
    _deflate = zlib.compress

_GZIP = 31  # wbits: a gzip header without a time, so that equal bodies give equal bytes


def compress(body: bytes) -> bytes:
    """The body as gzip."""
    return _deflate(body, 1, _GZIP)


def decompress(body: bytes) -> bytes:
    """What `compress` was given."""
    return zlib.decompress(body, _GZIP)
