"""Floor 4: the `otelsiem` command.

Guarantees: without the gateway extra it says so in one sentence; every ending has a number of `exits.py`; what this
place cannot show of an answer is escaped, and an answer that cannot be written is one sentence.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

from otelsiem import __version__
from otelsiem.model.errors import MissingExtraError

INTERRUPTED = 130  # what a shell says of a program that ^C ended


def main() -> None:
    """The console script."""
    try:
        _main()
    except KeyboardInterrupt:  # before a command has begun: importing takes a while
        sys.exit(INTERRUPTED)


def _main() -> None:
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
    if isinstance(sys.stdout, io.TextIOWrapper):  # a locale that is not UTF-8; standard error does so by itself
        sys.stdout.reconfigure(errors="backslashreplace")
    prepare()
    _answered(lambda: app(prog_name=NAME))


def _answered(command: Callable[[], object]) -> None:
    """An answer that could not be written ends with 1, in one sentence."""
    try:
        try:
            command()
        finally:
            if sys.stdout is not None:  # closed by who started us
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:  # no stream: a bug of ours, which keeps its traceback
            raise
        if not isinstance(error, BrokenPipeError):  # whoever read it has enough: `| head`
            print(f"otelsiem: the answer cannot be written: {error.strerror or error}", file=sys.stderr)
        os._exit(1)  # the interpreter would try to write the rest once more, and end with 120
