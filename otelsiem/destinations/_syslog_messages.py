"""Records as syslog messages, and messages as they go over the wire.

Guarantees: a message has no newline in it; a count is of octets; over UDP each message is a frame of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otelsiem.destinations._line_settings import Cef, Leef
from otelsiem.destinations._payloads import LARGE_PIECE, PIECE
from otelsiem.destinations._syslog_settings import Format, Framing
from otelsiem.formats import cef, leef
from otelsiem.formats.header import Protocol, Style, headers
from otelsiem.formats.syslog_lines import syslog_lines
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch

CARRIED = ("cef", "leef")  # formats with a header of their own behind the syslog header


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written."""

    content: Format
    header: Protocol
    style: Style
    cef: Cef
    leef: Leef

    @property
    def piece(self) -> int:
        """How many records are best written together."""
        return LARGE_PIECE if self.content in ("rfc5424", "rfc3164") else PIECE

    def messages(self, batch: Batch, at: Moment) -> list[bytes]:
        """One for each record, in order, none over `style.max_bytes`."""
        if self.content not in CARRIED:
            return syslog_lines(batch, at, self.style, self.header)
        heads = [head.encode() for head in headers(batch, at, self.style, self.header)]
        limit = self.style.max_bytes - max(map(len, heads), default=0)
        return [head + line for head, line in zip(heads, self._carried(batch, at, limit), strict=True)]

    def _carried(self, batch: Batch, at: Moment, limit: int) -> list[bytes]:
        product = self.style.product
        if self.content == "cef":
            return cef.lines(batch, at, cef.Style(product, self.cef.version, limit))
        return leef.lines(batch, at, leef.Style(product, self.leef.version, self.leef.delimiter, limit))


def framed(body: bytes, network: str, framing: Framing) -> Sequence[bytes]:
    """A payload's messages, each ended by a newline, as they are sent."""
    if network == "udp":
        return body.split(b"\n")[:-1]
    if framing == "lf":
        return (body,)
    return (b"".join([b"%d %b" % (len(message), message) for message in body.split(b"\n")[:-1]]),)
