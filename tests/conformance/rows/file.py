"""Lines in a file, in the conformance table."""

from __future__ import annotations

from typing import get_args

from otelsiem.destinations._line_settings import Cef, Leef
from otelsiem.destinations.file import File
from otelsiem.formats.named import FormatName
from tests.conformance.row import Row

ROW = Row(
    (
        File(path="audit.jsonl"),
        *[File(path="audit.log", format=name) for name in get_args(FormatName)],
        File(path="audit.cef", format="cef", cef=Cef(version=1)),
        File(path="audit.leef", format="leef", leef=Leef(version="1.0")),
    )
)
