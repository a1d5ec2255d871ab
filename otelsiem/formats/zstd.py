"""Bodies made smaller: zstd at level 1, for peers that say they read it.

`zstandard` comes with the extra `gateway`; settings ask `available` before anything is sent.
"""

from __future__ import annotations

from otelsiem.model.errors import MissingExtraError


def available() -> None:
    """Raises MissingExtraError."""
    compress(b"")


def compress(body: bytes) -> bytes:
    """The body as one zstd frame."""
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError("compression: zstd", "gateway", "zstandard") from error
    return zstandard.ZstdCompressor(level=1).compress(body)  # one each: threads may not share it
