"""`otelsiem journal`: what the journal holds, whether it is sound, and how a damaged one is mended."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.exits import CommandError, Exit
from otelsiem.cli.options import AsJson, ConfigFiles, EnvFiles, Sets, configuration
from otelsiem.cli.standing import Standing, standing
from otelsiem.config.model import Config
from otelsiem.model.errors import JournalLockedError

if TYPE_CHECKING:
    from otelsiem.journal.findings import Diagnosis
    from otelsiem.journal.repair import Repaired

app = typer.Typer(
    help="The durable queue: what it holds; check and repair it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Full = Annotated[bool, typer.Option("--full", help="Compare the indices of the file with its tables as well.")]


@app.command()
def stats(config: ConfigFiles = None, sets: Sets = None, env_file: EnvFiles = None, as_json: AsJson = False) -> None:
    """What came in, what became of it, how much room is left.

    Asks the running gateway; when none runs, the file is read and not changed.
    """
    with exits.told(as_json):
        found = standing(configuration(config, sets, env_file))
    if as_json:
        say.data(found.plain())
    else:
        _standing(found)
    if not found.balanced:
        say.error("accepted is not delivered + dead + filtered + purged + pending: run otelsiem journal check")
        raise typer.Exit(Exit.UNSOUND)


@app.command()
def check(
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Say whether the journal is sound.

    Reads everything, changes nothing; a gateway may run meanwhile, and its log grows until this is done.

    Ends with 0 when it is sound and with 6 when it is not; each finding is one line: what is wrong, where, what it
    costs and what repair would do.
    """
    from otelsiem.journal.examine import examine

    with exits.told(as_json):
        directory = _directory(configuration(config, sets, env_file))
        found = examine(directory, full=full)
    if as_json:
        say.data({"directory": str(directory), "full": full, **_plain(found)})
    else:
        _told(found)
    if not found.sound:
        say.error(f"{say.amount(len(found.findings), 'finding')}; stop the gateway, then run: otelsiem journal repair")
        raise typer.Exit(Exit.UNSOUND)


@app.command()
def repair(  # noqa: PLR0917 - typer calls it by name
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    backup: Annotated[bool, typer.Option("--backup/--no-backup", help="Copy the files first.")] = True,
    as_json: AsJson = False,
) -> None:
    """Mend what check finds.

    Nothing that can be read is lost; the bytes of what cannot be go to a side file, and its records are counted as
    purged. Only while no gateway runs. A journal that is sound is left alone.

    \b
    systemctl stop otelsiem
    otelsiem journal repair --config /etc/otelsiem/otelsiem.yaml
    """
    from otelsiem.journal.examine import examine
    from otelsiem.journal.peek import owned
    from otelsiem.journal.repair import repair as mend

    with exits.told(as_json):
        checked = configuration(config, sets, env_file)
        directory = _directory(checked)
        if owned(directory):
            raise JournalLockedError(f"a gateway has the journal in {directory} open: stop it first")
        found = examine(directory, full=True)
        if not found.sound:
            if not as_json:
                _told(found)
            question = f"Repair the journal in {directory}?"
            exits.confirmed(question, "nothing was changed", yes=yes, as_json=as_json)
        known = {name: pipeline.exporters for name, pipeline in checked.service.pipelines.items()}
        done = mend(directory, known, backup=backup)
    if as_json:
        say.data(_repaired(done))
    elif not done.findings:
        _told(found)
        say.line("there was nothing to repair")
    else:
        _done(done)


def _directory(config: Config) -> Path:
    settings = config.service.journal
    if settings.type != "sqlite":
        raise CommandError(f"a journal of type {settings.type} has no file that could be looked at")
    return settings.directory


def _standing(found: Standing) -> None:
    source = "as the running gateway says" if found.source == "gateway" else "read from the file: no gateway answers"
    say.line("journal  ", f"{found.directory} ({source})")
    say.line("state    ", found.state, style="green" if found.state == "ready" else "yellow")
    say.line("size     ", found.size)
    rows = [(one["pipeline"], one["received"], one["next"], one["filtered"], one["refused"]) for one in found.pipelines]
    say.line("")
    say.table(("PIPELINE", "RECEIVED", "ACCEPTED", "FILTERED", "REFUSED"), rows)
    head = ("PIPELINE", "EXPORTER", "ACCEPTED", "DELIVERED", "DEAD", "FILTERED", "PURGED", "PENDING", "DUE", "ON LOAN")
    columns = [name.lower().replace(" ", "_") for name in head]
    now = say.now()
    exporters = [
        (*[one[name] for name in columns], f"{say.age(one['oldest'], now)} ago" if one["oldest"] else "-", one["held"])
        for one in found.exporters
    ]
    if exporters:
        say.line("")
        say.table((*head, "OLDEST PENDING", "HELD"), exporters)
    if found.balanced:
        say.line("")
        say.line("every record is accounted for: accepted = delivered + dead + filtered + purged + pending")


def _told(found: Diagnosis) -> None:
    for finding in found.findings:
        say.line(str(finding))
    if found.sound:
        say.line(f"sound: {_held(found)}", style="green")


def _done(done: Repaired) -> None:
    how = "written anew" if done.anew else "mended in place"
    say.line(f"repaired: {say.amount(len(done.findings), 'finding')}; the file was {how}", style="green")
    say.line(f"it holds {_held(done.after)}")
    if done.aside is not None:
        say.line(f"{say.amount(done.put_aside, 'row')} that could not be kept: {done.aside}")
    if done.backup is not None:
        say.line(f"the files as they were are in {done.backup}; delete them when you no longer need them")
    if not done.reserve:
        say.note("there is no room for the reserve file; it is made again when there is")


def _held(found: Diagnosis) -> str:
    head = ", ".join([say.amount(found.pipelines, "pipeline"), say.amount(found.exporters, "exporter")])
    kept = f"{say.amount(found.entries, 'entry', 'entries')} with {say.amount(found.records, 'record')}"
    return f"{head}, {kept}, {say.amount(found.due, 'due record')}, {say.amount(found.letters, 'dead letter')}"


def _plain(found: Diagnosis) -> dict[str, Any]:
    return {
        "sound": found.sound,
        "findings": [asdict(finding) for finding in found.findings],
        "pipelines": found.pipelines,
        "exporters": found.exporters,
        "entries": found.entries,
        "records": found.records,
        "due": found.due,
        "dead_letters": found.letters,
    }


def _repaired(done: Repaired) -> dict[str, Any]:
    return {
        "repaired": [asdict(finding) for finding in done.findings],
        "anew": done.anew,
        "backup": str(done.backup or ""),
        "damaged": str(done.aside or ""),
        "moved": done.put_aside,
        "after": _plain(done.after),
    }
