"""The commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from otelsiem import __version__
from otelsiem.cli import dead_letters, say
from otelsiem.cli.run import run
from otelsiem.cli.send import send
from otelsiem.cli.validate import validate

app = typer.Typer(
    name="otelsiem",
    help="Audit events as OpenTelemetry log records, delivered to every SIEM, none lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables: records and tokens
    rich_markup_mode=None,
)
app.command()(run)
app.command()(validate)
app.command()(send)
app.add_typer(dead_letters.app, name="dead-letters")


def _version(asked: bool) -> None:
    if asked:
        say.line(f"otelsiem {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Audit events as OpenTelemetry log records, delivered to every SIEM, none lost."""
    del version
