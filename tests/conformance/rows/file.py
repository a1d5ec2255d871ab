"""JSON lines in a file, in the conformance table."""

from __future__ import annotations

from otelsiem.destinations.file import File
from tests.conformance.row import Row

ROW = Row((File(path="audit.jsonl"),))
