"""A torn journal written anew: every row that can be read of its pages goes into a new file, without SQLite's help.

Guarantees: a row whose own page is whole is found, whatever happened to the pages above it; of two images of a page
the newest that is whole counts, and the rows of a newer damaged one come on top. What the rows then mean together is
for `mend.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from otelsiem.journal import cells
from otelsiem.journal.aside import Aside
from otelsiem.journal.cells import Row, Value
from otelsiem.journal.fit import Fits
from otelsiem.journal.inventory import holds
from otelsiem.journal.names import named
from otelsiem.journal.pages import Pages
from otelsiem.journal.schema import entry_sql, entry_table
from otelsiem.journal.shelf import EntryRow
from otelsiem.journal.state import State
from otelsiem.journal.trees import Trees

_ENTRY = 6  # columns
_TABLES = ("pipeline", "exporter", "due", "dead")  # no two that are told apart here have the same number of columns


class Salvage:
    """`known` says which exporters the configuration has, by pipeline: names that the file may have lost."""

    def __init__(self, pages: Pages, db: sqlite3.Connection, aside: Aside, known: Mapping[str, Sequence[str]]) -> None:
        self._pages, self._db, self._aside, self._known = pages, db, aside, known
        self._trees = Trees(pages)
        self._columns = {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in _TABLES}
        self._by_size = {len(self._columns[name]): name for name in _TABLES if name != "due"}
        self._lines: dict[int, str] = {}  # what the indices say
        self._desks: dict[int, tuple[int, str]] = {}
        self._pipelines: dict[int, int] = {}  # by the root of its entries

    def run(self) -> None:
        """Everything, in one transaction."""
        self._db.execute("BEGIN")
        self._db.execute("CREATE TEMP TABLE loose(pipeline, first, records, size, taken, before, blob)")
        leaves = [number for number in self._trees.used() if self._small(number, self._pages.get(number))]
        broken = [(number, page) for number, page in self._pages.broken() if self._small(number, page)]
        self._name_lines(leaves)
        for number in leaves:
            self._entries(number, self._pages.get(number), whole=True)
        for number, page in broken:
            self._entries(number, page, whole=False)
        self._name_desks()
        self._place()
        self._db.execute("COMMIT")
        self._db.execute("DROP TABLE temp.loose")

    # --- everything but entries ----------------------------------------------------------------------------------

    def _small(self, number: int, page: bytes | None) -> bool:
        """Keep the rows of a page; True when they are entries, whose turn comes later."""
        if page is None:
            return False
        what = cells.kind(page, number)
        for row in cells.rows(page, number, self._pages.get):
            size = len(row.values)
            if what == cells.TABLE and size == _ENTRY:
                return True
            if what == cells.TABLE and size in self._by_size:
                self._keep(self._by_size[size], row)
            elif what != cells.TABLE and size == len(self._columns["due"]):
                self._keep("due", row)
            elif what != cells.TABLE:
                self._index(row.values)
        return False

    def _keep(self, table: str, row: Row) -> None:
        columns = self._columns[table]
        values = [
            row.key if key and table != "due" else _coerced(value, kind, required=bool(required))
            for value, (_, _, kind, required, _, key) in zip(row.values, columns, strict=True)
        ]
        marks = ",".join("?" * len(values))
        self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES({marks})", values)

    def _index(self, values: tuple[Value, ...]) -> None:
        """The names that unique indices repeat."""
        match values:
            case (str(name), int(id_)):
                self._lines[id_] = name
            case (int(pipeline), str(name), int(id_)):
                self._desks[id_] = (pipeline, name)

    # --- names ---------------------------------------------------------------------------------------------------

    def _name_lines(self, leaves: Sequence[int]) -> None:
        """Every pipeline has a row, a name and a table; and every tree of entries its pipeline."""
        there = dict(self._db.execute("SELECT id, name FROM pipeline").fetchall())
        readers: dict[int, set[str]] = {}
        for line, name in [*self._db.execute("SELECT pipeline, name FROM exporter"), *self._desks.values()]:
            readers.setdefault(line, set()).add(name)
        roots = sorted({root for number in leaves if (root := self._trees.root(number)) is not None})
        ids = sorted({*there, *self._lines, *readers, *self._trees.entries.values()}) or [*range(1, len(roots) + 1)]
        for id_, name in named(ids, there, self._lines, readers, self._known).items():
            self._db.execute("INSERT OR IGNORE INTO pipeline VALUES(?,?,0,0,0,0,0,0)", (id_, name))
            self._db.execute("UPDATE pipeline SET name=? WHERE id=?", (name, id_))
            self._db.execute(entry_sql(id_).create)
        # Roots are given out ascending, as ids are: where the list of tables is lost, the order tells.
        self._pipelines = dict(self._trees.entries)
        lost = [root for root in roots if root not in self._pipelines]
        left = [id_ for id_ in ids if id_ not in self._pipelines.values()]
        if len(lost) == len(left) or len(ids) == 1:
            self._pipelines.update(zip(lost, left or ids * len(lost), strict=False))

    def _name_desks(self) -> None:
        """An exporter whose row is lost begins with the oldest entry kept."""
        there = {id_: (line, name) for id_, line, name in self._db.execute("SELECT id, pipeline, name FROM exporter")}
        names = dict(self._db.execute("SELECT name, id FROM pipeline").fetchall())
        for id_, (line, name) in self._desks.items():
            if id_ not in there and line in names.values():
                self._seat(id_, line, name)
            elif id_ in there and self._wanted(names, line, name) and not self._wanted(names, *there[id_]):
                self._db.execute("UPDATE OR IGNORE exporter SET name=? WHERE id=?", (name, id_))
        if not there and not self._desks:
            # With numbers of their own: whose the due records and dead letters were, nobody can tell.
            sql = "SELECT max(coalesce(max(exporter), 0), (SELECT coalesce(max(owner), 0) FROM dead)) FROM due"
            number = max(self._db.execute(sql).fetchone()[0], 0)
            for pipeline in self._known.keys() & names.keys():
                for name in self._known[pipeline]:
                    number += 1
                    self._seat(number, names[pipeline], name)

    def _wanted(self, names: Mapping[str, int], line: int, name: str) -> bool:
        return any(names.get(pipeline) == line and name in exporters for pipeline, exporters in self._known.items())

    def _seat(self, id_: int, line: int, name: str) -> None:
        sql = f"SELECT coalesce(min(first), (SELECT next FROM pipeline WHERE id=?)) FROM {entry_table(line)}"  # noqa: S608 - our own integer
        start = self._db.execute(sql, (line,)).fetchone()[0]
        self._db.execute(
            "INSERT OR IGNORE INTO exporter VALUES(?,?,?,?,?,?,0,0,0,0,0,NULL)",
            (id_, line, name, start, start, State(start, start).packed_ranges()),
        )

    # --- entries -------------------------------------------------------------------------------------------------

    def _entries(self, number: int, page: bytes | None, *, whole: bool) -> None:
        """Those whose numbers are taken, or whose pipeline is not known, wait in `loose`."""
        root = self._trees.root(number)
        pipeline = self._pipelines.get(root) if root is not None else None
        for row in cells.rows(page, number, self._pages.get) if page is not None else ():
            if len(row.values) != _ENTRY:
                continue
            entry = _entry(row)
            kept = pipeline is not None and self._insert(pipeline, entry)
            if not kept and whole:
                self._db.execute("INSERT INTO loose VALUES(?,?,?,?,?,?,?)", (pipeline, *_values(entry)))

    def _insert(self, pipeline: int, entry: EntryRow) -> bool:
        if entry.first < 0:
            return False
        sql = entry_sql(pipeline).insert.replace("INSERT", "INSERT OR IGNORE")
        if self._db.execute(sql, _values(entry)).rowcount:
            return True
        sql = f"SELECT blob FROM {entry_table(pipeline)} WHERE first=?"  # noqa: S608 - our own integer
        return bool(self._db.execute(sql, (entry.first,)).fetchone()[0] == entry.blob)

    def _place(self) -> None:
        fits = Fits(self._db)
        for (id_,) in self._db.execute("SELECT rowid FROM loose ORDER BY pipeline, first").fetchall():
            pipeline, *values = self._db.execute("SELECT * FROM loose WHERE rowid=?", (id_,)).fetchone()
            entry = EntryRow(*values)
            records = holds(entry.blob)
            if records and fits.put(pipeline, entry, records):
                continue
            if records or pipeline is not None:
                why = "it cannot be told to which pipeline it belongs" if records else "it cannot be read"
                self._aside.put("entry", why, {"pipeline": pipeline, **asdict(entry)})


def _entry(row: Row) -> EntryRow:
    _, *numbers, blob = row.values
    records, size, taken, before = (number if isinstance(number, int) else 0 for number in numbers)
    return EntryRow(row.key, records, size, taken, before, blob if isinstance(blob, bytes) else b"")


def _values(entry: EntryRow) -> tuple[int | bytes, ...]:
    return (entry.first, entry.records, entry.size, entry.taken, entry.before, entry.blob)


def _coerced(value: Value, kind: str, *, required: bool) -> Value:
    """A value as its column wants it."""
    match kind:
        case "INTEGER":
            return value if isinstance(value, int) else 0
        case "TEXT":
            return value if isinstance(value, str) else ""
        case _:
            return value if isinstance(value, bytes) else (b"" if required else None)
