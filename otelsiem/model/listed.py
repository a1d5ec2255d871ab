"""One text where a list of texts may stand: `keys: password` is `keys: [password]`."""

from __future__ import annotations


def listed(value: object) -> object:
    """A text as a list of it; all else as it is, for the model to judge."""
    return [value] if isinstance(value, str) else value
