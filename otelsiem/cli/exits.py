"""How commands end: one number for each kind of ending, for scripts and service managers."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from otelsiem.cli import say
from otelsiem.model.errors import ConfigError, JournalLockedError, OtelsiemError


class Exit(IntEnum):
    """`docs/reference/cli.md` prints this list."""

    OK = 0
    FAILURE = 1  # it could not be done
    USAGE = 2  # the command line is wrong; click's own number
    CONFIG = 3  # the configuration is wrong
    PORT = 4  # an address is in use
    LOCKED = 5  # another process owns the journal


class CommandError(OtelsiemError):
    """What a command was asked for cannot be done; the sentence says why and what to do."""


def code(error: BaseException) -> Exit:
    """The number for an error; what the system said stands behind it as its cause."""
    match error:
        case ConfigError():
            return Exit.CONFIG
        case JournalLockedError():
            return Exit.LOCKED
        case OSError(errno=errno.EADDRINUSE):
            return Exit.PORT
        case _:
            return code(error.__cause__) if error.__cause__ is not None else Exit.FAILURE


@contextmanager
def told() -> Iterator[None]:
    """Errors that a person can mend become sentences and a number; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ConfigError as error:
        say.problems(error.problems)
        raise typer.Exit(Exit.CONFIG) from None
    except (OtelsiemError, OSError) as error:
        say.error(str(error))
        raise typer.Exit(code(error)) from None
