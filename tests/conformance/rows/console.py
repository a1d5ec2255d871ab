"""The console in the conformance table."""

from __future__ import annotations

from otelsiem.destinations.console import Console
from tests.conformance.row import Row

ROW = Row((Console(), Console(color="always")))
