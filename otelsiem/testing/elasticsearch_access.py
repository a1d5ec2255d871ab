"""Who may do what in the fake cluster."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may write to, by patterns of names."""

    indices: tuple[str, ...] = ("*",)
    monitor: bool = True  # may read what `GET /` says
    manage: bool = True  # may install templates and policies

    def writes(self, index: str) -> bool:
        """Whether documents may be created there."""
        return any(fnmatchcase(index, pattern) for pattern in self.indices)


@dataclass(frozen=True, slots=True)
class Login:
    """A secret, and what it opens."""

    secret: str
    access: Access = Access()
