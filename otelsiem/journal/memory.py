"""The journal in memory: every rule of the journal, nothing of it durable. For tests, and where loss is acceptable."""

from __future__ import annotations

import time
from collections.abc import Callable

from otelsiem.journal.heap import Heap
from otelsiem.journal.logs import Logs, LogShelf
from otelsiem.journal.shelved import ShelfJournal
from otelsiem.journal.trim import History
from otelsiem.journal.writer import At


class MemoryJournal(ShelfJournal):
    """With `logs` it works on append-only logs and offset commits alone, and a second journal can open them again."""

    def __init__(
        self,
        *,
        max_size_mib: int = 256,
        history: History | None = None,
        clock: Callable[[], int] = time.time_ns,
        logs: Logs | None = None,
        at: At | None = None,
    ) -> None:
        most = max_size_mib << 20
        shelf = Heap(most) if logs is None else LogShelf(logs, most)
        super().__init__(shelf, clock=clock, history=history, apart=0.0, at=at)
