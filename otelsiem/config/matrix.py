"""The table of destinations in `docs/reference/destinations.md`: what each one does, keeps apart and cannot promise.

`python -m otelsiem.config.matrix docs/reference/destinations.md` prints it into the page again; a test says when that
is due.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from otelsiem.config import discover
from otelsiem.model.destination import Traits

_PART = re.compile(r"(<!-- printed: matrix -->\n).*?(<!-- end -->)", re.DOTALL)
_COLUMNS = (
    ("", "title"),
    ("authentication", "auth"),
    ("batches", "batching"),
    ("compression", "compression"),
    ("when one record is refused", "partial"),
    ("what is sent twice", "idempotence"),
    ("`otelsiem test` asks first", "probe"),
    ("nobody can promise", "cannot"),
)


def page(text: str) -> str:
    """The page with its table as it is now."""
    return _PART.sub(lambda found: f"{found[1]}\n{matrix()}\n{found[2]}", text)


def matrix() -> str:
    """One row per destination."""
    heads = ["type", *[name for name, _ in _COLUMNS]]
    rows = [[f"`{kind}`", *[getattr(traits, field) for _, field in _COLUMNS]] for kind, traits in all_traits().items()]
    return "".join([_row(heads), _row(["---"] * len(heads)), *[_row(row) for row in rows]])


def all_traits() -> dict[str, Traits]:
    """Of every destination of our own, by type."""
    found = {kind: getattr(discover.destination(kind), "traits", None) for kind in discover.destination_types()}
    return {kind: traits for kind, traits in found.items() if isinstance(traits, Traits) and not discover.origin(kind)}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join([cell.replace('|', chr(92) + '|') for cell in cells])} |\n"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(page(target.read_text("utf-8")), "utf-8")
