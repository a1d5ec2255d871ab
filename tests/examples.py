"""How many examples a property test tries: a share of what its author thought thorough.

Every run tries other ones, so the short form finds in a week of runs what the long form (`--examples 1`) finds at once.
"""

from __future__ import annotations

LEAST = 10

share = 0.3  # set by `--examples`, before any test module is imported


def some(thorough: int) -> int:
    """What `max_examples` is in this run."""
    return max(min(thorough, LEAST), round(thorough * share))
