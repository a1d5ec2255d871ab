"""Decoded entries, shared by all exporters of a journal: what was just committed, and what was just read back.

Guarantees: at most `most` packed bytes (four times that in objects). An entry leaves when the exporters that are inside
the cached part have passed it, so that one which hangs far behind does not keep it full; or as the least recently used.
"""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from otelsiem.model.record import Batch

MOST = 16 << 20  # packed bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with its records."""

    first: int
    end: int
    size: int  # packed
    taken: int
    batch: Batch


class Cache:
    """Entries by pipeline and number."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[int, int], Entry] = OrderedDict()  # the least recently used first
        self._firsts: dict[int, list[int]] = {}
        self.size = 0

    def get(self, pipeline: int, position: int) -> Entry | None:
        """The cached entry that holds this number."""
        with self._lock:
            firsts = self._firsts.get(pipeline)
            at = bisect_right(firsts, position) - 1 if firsts else -1
            if firsts is None or at < 0:
                return None
            key = (pipeline, firsts[at])
            entry = self._entries[key]
            if position >= entry.end:
                return None
            self._entries.move_to_end(key)
            return entry

    def put(self, pipeline: int, entries: Iterable[Entry]) -> None:
        with self._lock:
            firsts = self._firsts.setdefault(pipeline, [])
            for entry in entries:
                key = (pipeline, entry.first)
                if key in self._entries:
                    continue
                insort(firsts, entry.first)
                self._entries[key] = entry
                self.size += entry.size
            while self.size > self._most:
                key, entry = self._entries.popitem(last=False)
                self._firsts[key[0]].remove(key[1])
                self.size -= entry.size

    def passed(self, pipeline: int, edges: Iterable[int]) -> None:
        """Let go of what the exporters inside have passed; `edges` says where each of them is."""
        with self._lock:
            firsts = self._firsts.get(pipeline)
            if not firsts:
                return
            inside = [edge for edge in edges if edge >= firsts[0]]
            keep = min(inside) if inside else None
            gone = 0
            for first in firsts:
                if keep is not None and self._entries[pipeline, first].end > keep:
                    break
                self.size -= self._entries.pop((pipeline, first)).size
                gone += 1
            del firsts[:gone]

    def wanted(self, pipeline: int, first: int, edges: Iterable[int]) -> bool:
        """Whether an exporter is near enough for an entry committed now to be sent from memory."""
        with self._lock:
            firsts = self._firsts.get(pipeline)
            inside = firsts[0] if firsts else first
        return any(edge >= inside for edge in edges)

    def forget(self) -> None:
        with self._lock:
            self._entries.clear()
            self._firsts.clear()
            self.size = 0
