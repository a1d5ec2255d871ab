"""Which pages of a torn SQLite file are in use, and to which tree each belongs: from above, and from the pointer map.

A tree is walked from its root down; what a damaged page hides is found by climbing up from below. Where both ways are
torn, the inner pages that are left tell. Guarantees: pages on the free list, which hold rows that were deleted, are
left out as long as the pointer map stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from otelsiem.journal import cells
from otelsiem.journal.pages import BRANCH, ROOT, Pages

_DEEPEST = 20  # SQLite's own limit


class Trees:
    """`entries` maps the root of a tree of entries to its pipeline; `schema` says how each table was made."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._root: dict[int, int] = {}
        self.entries: dict[int, int] = {}
        self.schema: dict[str, str] = {}
        self._parents: dict[int, int] = {}
        self._walk(1)
        for number in [number for number, root in self._root.items() if root == 1]:
            self._tables(number)

    def used(self) -> Iterator[int]:
        """Pages that may hold rows, ascending."""
        for number in range(1, self._pages.count + 1):
            pointer = self._pages.pointer(number)
            if number in self._root or pointer is None or pointer[0] in {ROOT, BRANCH}:
                yield number

    def root(self, number: int) -> int | None:
        """The root above a page."""
        for _ in range(_DEEPEST):
            known = self._root.get(number)
            if known is not None:
                return known
            kind, parent = self._pages.pointer(number) or self._guessed(number)
            if kind not in {ROOT, BRANCH}:
                return None
            if kind == ROOT:
                return number
            number = parent
        return None

    def _guessed(self, number: int) -> tuple[int, int]:
        """What the pointer map would say, from the inner pages that there are."""
        if not self._parents:
            for above in self.used():
                page = self._pages.get(above)
                for below in cells.children(page, above) if page is not None else ():
                    self._parents.setdefault(below, above)
        return (BRANCH, self._parents[number]) if number in self._parents else (ROOT, 0)

    def _tables(self, number: int) -> None:
        page = self._pages.get(number)
        for row in cells.rows(page, number, self._pages.get) if page is not None else ():
            match row.values:
                case (_, str(name), _, int(root), sql):
                    self.schema[name] = str(sql)
                    self._walk(root)
                    if found := re.fullmatch(r"entry_([0-9]+)", name):
                        self.entries[root] = int(found[1])

    def _walk(self, root: int) -> None:
        waiting = [root]
        while waiting:
            number = waiting.pop()
            page = self._pages.get(number)
            if page is None or number in self._root:
                continue
            self._root[number] = root
            waiting += cells.children(page, number)
