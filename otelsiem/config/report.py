"""What is wrong with a configuration, collected: every problem is told at once, none of them shows a secret."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from otelsiem.config.tree import Place, dotted
from otelsiem.model.errors import ConfigError, Problem


@dataclass(slots=True)
class Report:
    """Problems stop the start; warnings are told and do not."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def problem(self, place: Place, steps: Sequence[str | int] | str, message: str, hint: str = "") -> None:
        self.problems.append(_told(place, steps, message, hint))

    def warning(self, place: Place, steps: Sequence[str | int] | str, message: str, hint: str = "") -> None:
        self.warnings.append(_told(place, steps, message, hint))

    def stop_if_wrong(self) -> None:
        """Raise with everything found so far, in the order in which it was typed."""
        if self.problems:
            files = {name: n for n, name in enumerate(dict.fromkeys(p.file for p in self.problems))}
            found = dict.fromkeys(self.problems)  # a value wrong in both halves of an exporter is told once
            raise ConfigError(sorted(found, key=lambda p: (files[p.file], p.line)))


def _told(place: Place, steps: Sequence[str | int] | str, message: str, hint: str) -> Problem:
    path = steps if isinstance(steps, str) else dotted(steps)
    return Problem(path or "(file)", message, place.file, place.line, hint)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a word that nobody knows: the one that was meant, else all there are."""
    names = sorted(set(known))
    by_shape = {name.replace("_", "").replace("-", "").lower(): name for name in names}
    shape = word.replace("_", "").replace("-", "").lower()
    close = get_close_matches(word, names, 1, 0.6) or [
        by_shape[s] for s in get_close_matches(shape, list(by_shape), 1, 0.7)
    ]
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(names)}" if names else ""
