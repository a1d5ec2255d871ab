"""How commands end: one number for each kind of ending, for scripts and service managers."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import IntEnum
from typing import Any

import typer

from otelsiem.cli import say
from otelsiem.model.errors import ConfigError, JournalLockedError, OtelsiemError

log = logging.getLogger("otelsiem.cli")


class Exit(IntEnum):
    """`docs/reference/cli.md` prints this list."""

    OK = 0
    FAILURE = 1  # it could not be done
    USAGE = 2  # the command line is wrong; click's own number
    CONFIG = 3  # the configuration is wrong
    PORT = 4  # an address is in use
    LOCKED = 5  # another process owns the journal
    UNSOUND = 6  # the journal is damaged


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
def told(as_json: bool = False) -> Iterator[None]:
    """Errors that a person can mend become sentences and a number; anything else is a bug and keeps its traceback.

    With `as_json` they are the answer on standard output as well, in one shape for all commands.
    """
    try:
        yield
    except ConfigError as error:
        say.problems(error.problems)
        if as_json:
            say.data(failed(error))
        raise typer.Exit(Exit.CONFIG) from None
    except BrokenPipeError:  # whoever read our answer has enough: `| head`
        raise
    except (OtelsiemError, OSError) as error:
        say.error(_sentence(error))
        if as_json:
            say.data(failed(error))
        raise typer.Exit(code(error)) from None


@contextmanager
def logged() -> Iterator[None]:
    """As `told`, for a program whose standard error is a log of JSON lines."""
    try:
        yield
    except (OtelsiemError, OSError) as error:
        for problem in error.problems if isinstance(error, ConfigError) else ():
            log.error("msg=%r", str(problem))  # noqa: TRY400 - a sentence for a person, no traceback
        said = failed(error)
        log.error("msg=%r exit=%d", said["error"], said["exit"])  # noqa: TRY400 - same
        raise typer.Exit(code(error)) from None


def confirmed(question: str, otherwise: str, *, yes: bool, as_json: bool) -> None:
    """Go on only when the person says so; a script says --yes."""
    if as_json and not yes:
        raise typer.BadParameter("with --json nobody is asked: give --yes", param_hint="--yes")
    if not yes and not typer.confirm(question):
        say.line(otherwise)
        raise typer.Exit(Exit.FAILURE)


def failed(error: OtelsiemError | OSError) -> dict[str, Any]:
    """What `--json` says of an error."""
    if isinstance(error, ConfigError):
        problems = [asdict(problem) for problem in error.problems]
        sentence = f"{say.counted(error.problems)}; nothing was started"
        return {"error": sentence, "exit": Exit.CONFIG, "problems": problems}
    return {"error": say.clean(_sentence(error)), "exit": code(error), "problems": []}


def _sentence(error: OtelsiemError | OSError) -> str:
    """What the system says comes without its number, and with the place behind which it happened."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    name = error.filename2 or error.filename
    return f"{os.fsdecode(name)}: {error.strerror}" if isinstance(name, str | bytes) else error.strerror
