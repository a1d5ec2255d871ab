"""Tables of a benchmark run, in a page whose prose people write: each table stands between two marks of its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [_row(heads), "|---" * len(heads) + "|", *[_row([_cell(value) for value in row]) for row in rows]]
    return "\n".join(lines)


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`."""
    before = page.read_text("utf-8")
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(before):
        raise SystemExit(f"{page} has no marks for the table {name}")
    page.write_text(pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", before), "utf-8")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 10 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
