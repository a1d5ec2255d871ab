"""The table of destinations is what the code prints, and no destination of ours is missing in it."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

from otelsiem.config import discover, matrix

PAGE = Path(__file__).parents[2] / "docs/reference/destinations.md"


def test_the_page_is_current() -> None:
    text = PAGE.read_text("utf-8")
    assert text == matrix.page(text), f"python -m otelsiem.config.matrix {PAGE} prints it again"


def test_every_destination_of_ours_says_what_it_is_like() -> None:
    ours = {kind for kind in discover.destination_types() if not discover.origin(kind)}
    traits = matrix.all_traits()
    assert traits.keys() == ours
    assert all(cell.strip() and "\n" not in cell for one in traits.values() for cell in astuple(one))
