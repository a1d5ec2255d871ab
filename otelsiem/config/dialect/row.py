"""One row of the table of the Collector's keys: a key, or a type of component, and what it means here.

A path is written with dots. `*` stands for any id, `a|b` for several names of one fate. Ids are compared by their
type, types without regard to underscores: `file_log` and `filelog` are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of a key."""

    SAME = "same"  # the same key with the same meaning
    MAPPED = "mapped"  # understood; ours is spelled otherwise
    ACCEPTED = "accepted"  # has no effect, which is told as a warning
    REFUSED = "refused"  # overlooking it would change what is sent, or who may send


SAME, MAPPED, ACCEPTED, REFUSED = Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One key or type. `why` is the sentence that a person reads beside it."""

    path: str
    verdict: Verdict
    why: str = ""
    to: str = ""  # of a mapped one: what it is here
    only: str = ""  # of an accepted one: with this value; any other is refused

    @property
    def steps(self) -> list[tuple[str, ...]]:
        """The names that each step of the path may have."""
        return [tuple(step.split("|")) for step in self.path.split(".")]

    @property
    def of_type(self) -> bool:
        """Whether it speaks of a type of component that a pipeline may name."""
        steps = self.steps
        return len(steps) == 2 and steps[0][0] in {"receivers", "processors", "exporters"} and steps[1] != ("*",)
