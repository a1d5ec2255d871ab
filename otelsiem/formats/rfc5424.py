"""Syslog messages of RFC 5424: header, structured data, message. One line per record, without framing.

The element that the operator names carries the record, `resource@…` and `scope@…` beside it what it came from, `origin`
who spoke. Guarantees: every line is what RFC 5424 allows, whatever a record holds; counted in bytes none is longer than
`max_bytes`, and one that had to be cut says so; TIMESTAMP has six digits of fraction (rsyslog garbles nine).
"""

from __future__ import annotations

from otelsiem.formats.header import Style
from otelsiem.formats.syslog_lines import syslog_lines
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch

__all__ = ["Style", "lines"]


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One message per record, in order."""
    return syslog_lines(batch, at, style, "rfc5424")
