"""docs/explanation/processes.md names a test for each row: they are there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/explanation/processes.md"


def test_every_row_names_tests_that_exist() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]
    there = set(re.findall(r"^def (test_\w+)", "\n".join(one.read_text() for one in HERE.glob("*.py")), re.MULTILINE))
    assert len(rows) > 20
    for row in rows:
        told = row.split("|")[-2]
        named = set(re.findall(r"(?:::|…)(test_\w+)", told))
        assert named or "the same" in told, row
        assert named <= there, named - there
