"""What is wrong with a configuration, collected: every problem is told at once, none of them shows a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
        """Raise with everything found so far."""
        if self.problems:
            wrong = tuple(f"{problem.path}." for problem in self.problems)  # what is below it is not worth a word
            raise ConfigError(
                in_order(self.problems), in_order([one for one in self.warnings if not one.path.startswith(wrong)])
            )


def in_order(found: Sequence[Problem]) -> list[Problem]:
    """As it was typed; a value wrong in both halves of an exporter is told once."""
    files = {name: n for n, name in enumerate(dict.fromkeys(p.file for p in found))}
    return sorted(dict.fromkeys(found), key=lambda p: (files[p.file], p.line))


def _told(place: Place, steps: Sequence[str | int] | str, message: str, hint: str) -> Problem:
    path = steps if isinstance(steps, str) else dotted(steps)
    return Problem(path or "(file)", message, place.file, place.line, hint)
