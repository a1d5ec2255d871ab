"""Rows read from pages are the rows that SQLite reads, and no bytes make the reading raise."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.journal import cells
from otelsiem.journal.pages import Pages
from otelsiem.journal.schema import PAGE, open_fresh
from otelsiem.journal.tables import NAME
from otelsiem.journal.trees import Trees
from tests.examples import some
from tests.journal.wreck import wreck


def test_the_rows_are_those_of_sqlite(tmp_path: Path) -> None:
    path = wreck(settled=True).write(tmp_path / "j") / NAME
    with Pages(path) as pages:
        trees = Trees(pages)
        found = [
            (len(row.values), row.key, row.values)
            for number in trees.used()
            for row in cells.rows(pages.get(number) or b"", number, pages.get)
        ]
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table, rowid in (("pipeline", 1), ("exporter", 1), ("dead", 1), ("entry_1", 1), ("entry_2", 1), ("due", 0)):
            for row in db.execute(f"SELECT * FROM {table}"):
                values = (None, *row[1:]) if rowid else row
                assert (len(row), row[0] if rowid else 0, values) in found, table


def test_numbers_of_every_length_and_type(tmp_path: Path) -> None:
    path = tmp_path / "some"
    values = [
        None,
        0,
        1,
        -1,
        127,
        -129,
        40_000,
        -9_000_000,
        1 << 40,
        -(1 << 46),
        1 << 62,
        1.5,
        "",
        "tëxt",
        b"",
        b"\x00" * 50_000,
    ]
    with contextlib.closing(open_fresh(path)) as db:
        db.execute("CREATE TABLE some(value)")
        db.executemany("INSERT INTO some VALUES(?)", [(value,) for value in values])
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name='some'").fetchone()[0]
    with Pages(path) as pages:
        found = [row.values for row in cells.rows(pages.get(root) or b"", root, pages.get)]
    assert found == [(value,) for value in values]


def test_tables_are_told_apart_by_their_columns(tmp_path: Path) -> None:
    """What `salvage.py` rests on."""
    with contextlib.closing(open_fresh(tmp_path / "some")) as db:
        sizes = {
            name: len(db.execute(f"PRAGMA table_info({name})").fetchall())
            for name in ("pipeline", "exporter", "dead", "due")
        }
    assert len({sizes["pipeline"], sizes["exporter"], sizes["dead"], 6, 5, 2}) == 6, sizes
    assert sizes["due"] not in {2, 3, 4}, sizes


@settings(max_examples=some(300), deadline=None)
@given(st.binary(min_size=1, max_size=200), st.integers(0, PAGE - 200), st.sampled_from([2, 5, 10, 13]), st.booleans())
def test_no_bytes_make_it_raise(noise: bytes, at: int, kind: int, first: bool) -> None:
    whole = bytearray(leaf())
    whole[at : at + len(noise)] = noise
    whole[100 if first else 0] = kind
    page = bytes(whole)
    number = 1 if first else 7
    cells.children(page, number)
    list(cells.rows(page, number, lambda n: page if n < 20 else None))


@functools.cache
def leaf() -> bytes:
    """A page with entries in it."""
    content = wreck(settled=True).files[NAME]
    pages = [content[at : at + PAGE] for at in range(PAGE, len(content), PAGE)]
    return next(page for page in pages if page[0] == cells.TABLE and page[4] > 3)
