"""`otelsiem dead-letters`: what destinations refused, why, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.completion import exporters, owners
from otelsiem.cli.exits import CommandError
from otelsiem.cli.letters import find, letters
from otelsiem.cli.options import AsJson, ConfigFiles, EnvFiles, Sets, configuration
from otelsiem.config.model import Config

app = typer.Typer(help="Refused records: list, show, replay, purge.", no_args_is_help=True, rich_markup_mode=None)

EXPORTER = "Exporter id, or door/<pipeline> for what a pipeline refused."
Exporter = Annotated[str, typer.Option(metavar="ID", help=EXPORTER, autocompletion=exporters)]
Positions = Annotated[
    list[int] | None, typer.Option("--position", min=0, metavar="N", help="From the list; may be given several times.")
]
All = Annotated[bool, typer.Option("--all", help="All dead letters of the exporter.")]


@app.command("list")
def list_(  # noqa: PLR0917 - typer calls it by name
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    exporter: Exporter = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="At most so many, 1-1000.")] = 100,
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="Leave out so many of the oldest.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List them, oldest first."""
    with exits.told(as_json):
        checked = configuration(config, sets, env_file)
        with letters(checked) as source:
            page, more = source.dead_letters(exporter, limit, offset)
    if exporter and not page and not offset and (unknown := _unknown(exporter, checked)):
        say.note(unknown)
    if as_json:
        say.data({"dead_letters": page, "more": more})
        return
    if not page:
        say.line("no dead letters")
        return
    now = say.now()
    rows = [
        (
            letter.get("exporter", ""),
            letter.get("position", ""),
            say.moment(letter.get("last")),
            say.age(letter.get("last"), now),
            letter.get("attempts", ""),
            _event(letter),
            letter.get("reason", ""),
        )
        for letter in page
    ]
    say.table(("EXPORTER", "POSITION", "LAST REFUSED", "AGE", "ATTEMPTS", "EVENT", "REASON"), rows)
    if more:
        say.note(f"there are more: --offset {offset + len(page)}")


@app.command()
def show(  # noqa: PLR0917 - typer calls it by name
    exporter: Exporter,
    position: Annotated[int, typer.Option(min=0, metavar="N", help="From the list.")],
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    as_json: AsJson = False,
) -> None:
    """Show one, with its record and its history."""
    with exits.told(as_json), letters(configuration(config, sets, env_file)) as source:
        letter = find(source, exporter, position)
    if as_json:
        say.data(letter)
        return
    now = say.now()
    for name in ("exporter", "pipeline", "position", "reason", "attempts"):
        say.line(f"{name:<9}", letter.get(name, ""))
    for name in ("first", "last"):
        say.line(f"{name:<9}", f"{say.moment(letter.get(name))} ({say.age(letter.get(name), now)} ago)")
    for name in ("record", "resource"):
        say.line(name)
        say.data(letter.get(name))


@app.command()
def replay(  # noqa: PLR0917 - typer calls it by name
    exporter: Exporter,
    position: Positions = None,
    everything: All = False,
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    as_json: AsJson = False,
) -> None:
    """Deliver them again, once their cause is mended.

    \b
    otelsiem dead-letters replay --exporter splunk_hec/soc --all
    """
    chosen = _chosen(position, everything=everything)
    with exits.told(as_json):
        checked = configuration(config, sets, env_file)
        with letters(checked) as source:
            count = source.replay(exporter, chosen)
        _meant(exporter, count, chosen, checked)
    _complete("replayed", count, f"{count} to be delivered again by {exporter}", chosen, as_json=as_json)


@app.command()
def purge(  # noqa: PLR0917 - typer calls it by name
    exporter: Exporter,
    position: Positions = None,
    everything: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    as_json: AsJson = False,
) -> None:
    """Delete them for good.

    They are audit records: this cannot be undone, and it is counted.
    """
    chosen = _chosen(position, everything=everything)
    what = "ALL dead letters" if chosen is None else f"{len(chosen)} dead letter{'s' * (len(chosen) > 1)}"
    exits.confirmed(f"Delete {what} of {exporter} for good?", "nothing was deleted", yes=yes, as_json=as_json)
    with exits.told(as_json):
        checked = configuration(config, sets, env_file)
        with letters(checked) as source:
            count = source.purge(exporter, chosen)
        _meant(exporter, count, chosen, checked)
    _complete("purged", count, f"{count} deleted", chosen, as_json=as_json)


def _chosen(position: list[int] | None, *, everything: bool) -> list[int] | None:
    """The positions, None for all: one of the two must be said."""
    if bool(position) == everything:
        raise typer.BadParameter("say which: --position N (may be repeated), or --all", param_hint="--position")
    return None if everything else sorted(set(position or []))


def _meant(exporter: str, count: int, chosen: list[int] | None, config: Config) -> None:
    """All of nobody's letters are none: a slip of the pen must not look like work done."""
    if not count and chosen is None and (unknown := _unknown(exporter, config)):
        raise CommandError(unknown)


def _unknown(exporter: str, config: Config) -> str:
    """Why an exporter without letters is none; "" when it is one. Those of an exporter that is gone stay its own."""
    there = owners(config)
    if exporter in there:
        return ""
    return f"{exporter} has no dead letters, and is no exporter of this configuration; there are: {', '.join(there)}"


def _complete(verb: str, count: int, sentence: str, chosen: list[int] | None, *, as_json: bool) -> None:
    missing = max(len(chosen) - count, 0) if chosen is not None else 0
    if as_json:
        say.data({verb: count, "missing": missing})
    else:
        say.line(sentence)
    if missing:
        say.note(f"{missing} of the positions given have no dead letter")
        raise typer.Exit(exits.Exit.FAILURE)


def _event(letter: Mapping[str, Any]) -> str:
    record = letter.get("record")
    return str(record.get("event") or record.get("event_type") or "-") if isinstance(record, dict) else "-"
