"""`python -m otelsiem.cli` is the `otelsiem` command."""

from __future__ import annotations

from otelsiem.cli import main

main()
