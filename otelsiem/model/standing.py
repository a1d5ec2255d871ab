"""What a transport knows of the bytes it handed over, where the peer never says anything.

It travels as the body of an `Answer`, so that exchanges stay what they are: requests out, replies in.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_LONGEST = 1 << 20  # bytes: hundreds of connections; what is longer is not ours


class Standing(msgspec.Struct, frozen=True):
    """Of one session. Bytes are counted from the first of a connection."""

    connection: int  # the number of the living one; 0 = there is none
    end: int  # bytes handed over on it
    stood: int  # of them, what the peer's kernel had while the connection lived on; -1 = it is younger than that
    ended: Mapping[int, int]  # earlier connections: what had stood of each
    wary: bool = False  # bytes were lost with a connection of any session a short time ago

    def encode(self) -> bytes:
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Standing)


def standing(body: bytes) -> Standing | None:
    """The body of an answer; None when it is none of ours."""
    try:
        return _decoder.decode(body) if len(body) <= _LONGEST else None
    except (ValueError, RecursionError):
        return None
