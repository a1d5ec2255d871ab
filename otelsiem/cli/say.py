"""What commands print: plain aligned lines, colour only on a terminal, nothing cut off.

Texts of records and of servers are cleaned of control characters: an event must not be able to write to the terminal
of the person who reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from otelsiem.model.errors import Problem

STYLES = {
    "delivered": "green",
    "delivered or filtered": "green",
    "filtered": "dim",
    "pending": "yellow",
    "due": "yellow",
    "held": "yellow",
    "dead": "red",
}

# C0 and C1 controls, DEL, and the marks that reorder or hide text on a terminal
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def clean(text: object) -> str:
    """One line that does nothing to a terminal."""
    return _CONTROL.sub(lambda m: {"\n": " ", "\t": " "}.get(m[0], f"\\u{ord(m[0]):04x}"), str(text))


def line(*parts: object, style: str = "") -> None:
    """One line on standard output."""
    _print(" ".join(clean(part) for part in parts), style, stderr=False)


def note(text: str) -> None:
    """One line on standard error: not part of the answer."""
    _print(clean(text), "yellow", stderr=True)


def error(text: str) -> None:
    """Why it could not be done, on standard error."""
    _print(f"otelsiem: {clean(text)}", "red", stderr=True)


def problems(found: Sequence[Problem]) -> None:
    """Everything that is wrong with a configuration."""
    for problem in found:
        _print(clean(problem), "", stderr=True)
    _print(f"otelsiem: {counted(found)}; nothing was started", "red", stderr=True)


def counted(found: Sequence[Problem]) -> str:
    """How many problems there are."""
    return ("one problem" if len(found) == 1 else f"{len(found)} problems") + " in the configuration"


def warnings(found: Sequence[Problem]) -> None:
    """What is odd about a configuration and does not stop it: the same said of several keys stands there once."""
    said: dict[str, list[Problem]] = {}
    for problem in found:
        said.setdefault(problem.message, []).append(problem)
    for message, alike in said.items():
        if len(alike) == 1:
            note(f"warning: {alike[0]}")
            continue
        note(f"{len(alike)} warnings: {message}:")
        rows = [[f"  {one.file}:{one.line}" if one.line else f"  {one.file}", one.path, one.hint] for one in alike]
        widths = [max(len(clean(row[n])) for row in rows) for n in range(3)]
        for row in rows:
            note(_aligned([clean(cell) for cell in row], widths))


def amount(count: int, one: str, several: str = "") -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def data(value: object) -> None:
    """JSON for scripts; everything beyond ASCII escaped, so no byte of it acts on a terminal."""
    print(json.dumps(value, indent=2))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as their content; a cell that names a fate has its colour on a terminal."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in [list(head), *cells]) for n in range(len(head))]
    if rows:
        _print(_aligned(head, widths), "bold", stderr=False)
    for row in cells:
        text = Text(_aligned(row, widths))
        for cell in row:
            if cell in STYLES:
                text.highlight_words([cell], STYLES[cell])
        _console(stderr=False).print(text, soft_wrap=True)


def moment(value: object) -> str:
    """A time of the admin API as UTC to the second."""
    when = _when(value)
    return f"{when:%Y-%m-%d %H:%M:%S}Z" if when else str(value or "-")


def age(value: object, now: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    seconds = seconds_since(value, now)
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def seconds_since(value: object, now: datetime) -> int | None:
    """Whole seconds since a time of the admin API; None when there is none."""
    when = _when(value)
    return None if when is None else max(int((now - when).total_seconds()), 0)


def now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


def _when(value: object) -> datetime | None:
    try:
        # nanoseconds are more digits than datetime reads
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(value)))
    except ValueError:
        return None


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _print(text: str, style: str, *, stderr: bool) -> None:
    _console(stderr=stderr).print(Text(text, style), soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, highlight=False, emoji=False)
