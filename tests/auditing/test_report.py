"""How an audit log says that it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.auditing.reading import audit_log
from tests.program import eventually


def test_a_journal_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    """Somebody removed it: nothing is taken any more, which is no health."""
    with audit_log(tmp_path) as (log, _):
        log.audit("before")
        assert log.flush(10)
        assert log.health().healthy
        shutil.rmtree(tmp_path / "journal")
        log.audit("after")
        eventually(lambda: "journal" in log.health().problems, 10, "the journal's problem")
        assert (log.health().healthy, "cannot be written" in log.health().problems["journal"]) == (False, True)
