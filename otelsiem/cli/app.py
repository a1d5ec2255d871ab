"""The commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from otelsiem import __version__
from otelsiem.cli import dead_letters, journal, say
from otelsiem.cli.completion import completion
from otelsiem.cli.components import components
from otelsiem.cli.print_config import print_config
from otelsiem.cli.run import run
from otelsiem.cli.schema import schema
from otelsiem.cli.send import send
from otelsiem.cli.setup import setup
from otelsiem.cli.trial import try_exporters
from otelsiem.cli.validate import validate

app = typer.Typer(
    name="otelsiem",
    help="Audit events as OpenTelemetry log records, delivered to every SIEM, none lost.",
    no_args_is_help=True,
    add_completion=False,  # its options guess the shell and write into the person's files: `completion` prints instead
    pretty_exceptions_enable=False,  # its tracebacks print local variables: records and tokens
    rich_markup_mode=None,
)
app.command()(run)
app.command()(validate)
app.command()(print_config)
app.command()(send)
app.command("test")(try_exporters)
app.command()(setup)
app.command()(schema)
app.command()(components)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(journal.app, name="journal")
app.command()(completion)


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
