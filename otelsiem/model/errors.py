"""Errors that a person reads: each says what is wrong, where, and what to do. Errors of delivery are values instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class OtelsiemError(Exception):
    """Anything this package raises on purpose."""


class MissingExtraError(OtelsiemError):
    """A part was asked for whose packages are not installed."""

    def __init__(self, part: str, extra: str, module: str) -> None:
        super().__init__(
            f"{part} needs the package {module!r}, which is not installed: pip install 'otelsiem[{extra}]'"
        )
        self._given = part, extra, module

    def __reduce__(self) -> tuple[Any, ...]:
        """A pool of processes pickles it; one that cannot be read again breaks the pool."""
        return type(self), self._given


class MalformedError(OtelsiemError, ValueError):
    """The bytes of a request cannot be read; nothing of it was taken."""


class TooLargeError(OtelsiemError):
    """The request is over a size limit; it will not fit later either."""


class JournalFullError(OtelsiemError):
    """No room: come back later. Nothing of this append was taken."""


class NotOpenError(OtelsiemError):
    """Nothing is taken here at the moment: come back later. Nothing of this request was taken."""


class JournalError(OtelsiemError):
    """The journal cannot do what was asked; the message says why and what to do."""


class JournalLockedError(JournalError):
    """Another process owns this journal."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: where it stands, what it says, what was expected."""

    path: str  # exporters.splunk_hec/soc.endpoint
    message: str
    file: str = ""  # without a line: an option of the command line (`--set`)
    line: int = 0
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file} " if self.file else ""
        return f"{where}{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(OtelsiemError):
    """A configuration that must not start: every problem at once, and what would have been told anyway."""

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem] = ()) -> None:
        self.problems, self.warnings = tuple(problems), tuple(warnings)
        super().__init__("\n".join(str(p) for p in problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """As above."""
        return type(self), (self.problems, self.warnings)
