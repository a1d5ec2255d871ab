"""Where a configuration comes from, as one value that can be read again: files, settings and environment files.

Guarantees: frozen, so a reload reads the same places; a repr shows no setting, because one may hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Sources:
    """What the command line named. Without `configs` it is the embedded configuration."""

    configs: tuple[str, ...] = field(default=(), repr=False)  # paths, or file: env: yaml: as the Collector has them
    sets: tuple[str, ...] = field(default=(), repr=False)  # KEY=VALUE, merged last
    env_files: tuple[Path, ...] = ()  # KEY=VALUE lines, below the real environment

    @classmethod
    def files(cls, *paths: Path) -> Self:
        """These files alone."""
        return cls(tuple(str(path) for path in paths))
