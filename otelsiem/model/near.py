"""The word that somebody meant who wrote one that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(word: str, known: Iterable[str]) -> str:
    """The word that was meant, "" when none is near."""
    names = sorted(set(known))
    by_shape = {name.replace("_", "").replace("-", "").lower(): name for name in names}
    shape = word.replace("_", "").replace("-", "").lower()
    close = get_close_matches(word, names, 1, 0.6) or [
        by_shape[s] for s in get_close_matches(shape, list(by_shape), 1, 0.7)
    ]
    return close[0] if close else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a word that nobody knows: the one that was meant, else all there are."""
    names = sorted(set(known))
    if meant := closest(word, names):
        return f"did you mean {meant!r}?"
    return f"known here: {', '.join(names)}" if names else ""
