"""Floor 4: the `otelsiem` command.

Guarantees: without the gateway extra it says so in one sentence; every ending has a number of `exits.py`.
"""

from __future__ import annotations

import sys

from otelsiem import __version__
from otelsiem.model.errors import MissingExtraError


def main() -> None:
    """The console script."""
    if sys.argv[1:] == ["--version"]:
        print(f"otelsiem {__version__}")
        return
    try:
        from otelsiem.cli.app import app
        from otelsiem.cli.completion import NAME, prepare
    except ModuleNotFoundError as missing:
        package = (missing.name or "typer").partition(".")[0]
        if package == "otelsiem":
            raise  # not an extra: our own package is incomplete
        print(MissingExtraError("The otelsiem command", "gateway", package), file=sys.stderr)
        sys.exit(1)
    prepare()
    app(prog_name=NAME)
