"""The tables on the pages are those in the code. `pytest tests/formats/test_pages.py --update-golden` writes them."""

from __future__ import annotations

import pytest

from tests.formats.pages import DOCS, PARTS, made


@pytest.mark.parametrize("page", PARTS)
def test_the_tables_on_a_page_are_those_in_the_code(page: str, update_golden: bool) -> None:
    file = DOCS / page
    text = file.read_text("utf-8")
    if update_golden:
        file.write_text(made(page, text), "utf-8")
    assert made(page, text) == text or update_golden, f"{file} differs from the code; if that is meant: --update-golden"
