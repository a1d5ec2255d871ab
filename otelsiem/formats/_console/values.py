"""Values as a person at a terminal sees them: visible, cut to a length, in quotes where they could be misread."""

from __future__ import annotations

import re
from collections.abc import Sequence

from otelsiem.formats.values import text
from otelsiem.formats.visible import HARMFUL, sign
from otelsiem.model.severity import SCALES

LONGEST_MESSAGE = 500  # characters; a terminal is no place for a megabyte
LONGEST_VALUE = 80

_RESET, DIM, BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
COLOURS = {
    "trace": "\x1b[2m", "debug": "\x1b[2m", "info": "\x1b[36m", "low": "\x1b[32m", "medium": "\x1b[33m",
    "high": "\x1b[31m", "critical": "\x1b[1;31m", "emergency": "\x1b[1;97;41m",
}  # fmt: skip

_HARMFUL = re.compile(rf"[\\{HARMFUL}]")
_SIGNS = bytes([*range(0x20), 0x7F]) + b"\\"  # what is harmful in ASCII, and the sign that shows it
_MISREAD = (" ", '"', "=")


def painted(shown: str, code: str, *, color: bool) -> str:
    """In a colour, where there are any."""
    return f"{code}{shown}{_RESET}" if color else shown


def severities(*, color: bool) -> list[str]:
    """The name of each SeverityNumber, all of one width."""
    return [painted(f"{row.name.upper():<9}", COLOURS[row.name], color=color) for row in SCALES]


def harmless(value: object, longest: int) -> str:
    """The value as visible characters, cut to a length; a cut is shown."""
    whole = text(value)
    shown = _HARMFUL.sub(_escape, whole[: longest + 1])
    return shown if len(whole) <= longest and len(shown) <= 2 * longest else shown[:longest] + "…"


def shown(value: object) -> str:
    """The value in quotes where it needs them."""
    return _quoted(harmless(value, LONGEST_VALUE))


def messages(column: Sequence[str]) -> Sequence[str]:
    """Many messages; most are harmless, and to ask all at once costs 0.1 µs each instead of 3."""
    return column if _harmless(column, LONGEST_MESSAGE) else [harmless(value, LONGEST_MESSAGE) for value in column]


def values(column: Sequence[str]) -> Sequence[str]:
    """Many values, as `shown` shows one."""
    if not _harmless(column, LONGEST_VALUE):
        return [*map(shown, column)]
    whole = "".join(column)
    return [*map(_quoted, column)] if any(sign in whole for sign in _MISREAD) else column


def _harmless(column: Sequence[str], longest: int) -> bool:
    """Whether `harmless` leaves all of them as they are; they are not empty."""
    whole = "".join(column)
    if not whole.isascii() or max(map(len, column)) > longest:
        return False
    return len(whole.encode().translate(None, _SIGNS)) == len(whole)


def _quoted(harmless: str) -> str:
    if harmless and " " not in harmless and '"' not in harmless and "=" not in harmless:
        return harmless
    escaped = harmless.replace('"', '\\"')
    return f'"{escaped}"'


def _escape(match: re.Match[str]) -> str:
    return sign(match[0]) if match[0] != "\\" else "\\\\"
