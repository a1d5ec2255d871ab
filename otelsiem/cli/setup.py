"""`otelsiem setup`: what a service wants to have prepared before records come: index templates, retention, topics."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.exits import Exit
from otelsiem.cli.options import AsJson, ConfigFiles, EnvFiles, Sets, configuration
from otelsiem.cli.trial import Exporters, chosen
from otelsiem.config.model import Exporter
from otelsiem.model.destination import Installed, Installs, Moment
from otelsiem.model.exchange import Answer, HttpRequest, Reply, Request
from otelsiem.model.outcome import Delivered, Hold, Reject, Retry, Split

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be asked for, and ask for nothing.")]


def setup(  # noqa: PLR0917 - typer makes options of them
    exporters: Exporters = None,
    dry_run: DryRun = False,
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    as_json: AsJson = False,
) -> None:
    """Prepare the services of exporters: templates, retention and the like, where a service has them.

    May be repeated; what is there and not ours is left alone. Ends with 1 when something could not be done.
    """
    with exits.told(as_json):
        known = configuration(config, sets, env_file)
        if not as_json:
            say.warnings(known.warnings)
        done = {one.id: _prepare(one, dry_run) for one in chosen(known, exporters or ())}
    ok = all(isinstance(one.outcome, Delivered) for found in done.values() for one in found or ())
    if as_json:
        say.data({"ok": ok, "exporters": [_plain(id_, found) for id_, found in done.items()]})
    else:
        for id_, found in done.items():
            _show(id_, found, dry_run)
    if not ok:
        raise typer.Exit(Exit.FAILURE)


def _prepare(exporter: Exporter, dry_run: bool) -> Sequence[Installed] | None:
    """None: there is nothing to prepare."""
    from otelsiem.transport.transport import open_transport
    from otelsiem.trial import converse

    destination = exporter.destination
    if not isinstance(destination, Installs):
        return None
    at = Moment(time.time_ns(), socket.gethostname())
    if dry_run:
        asked: list[Request] = []
        installed = converse(destination.setup(at), lambda request: _noted(asked, request))
        return [replace(one, outcome=Delivered("not asked for")) for one in installed]
    transport = open_transport(destination.wire)
    try:
        return converse(destination.setup(at), transport.perform)
    finally:
        transport.close()


def _noted(asked: list[Request], request: Request) -> Reply:
    """As a service would answer that has nothing yet."""
    asked.append(request)
    reads = isinstance(request, HttpRequest) and request.method in {"GET", "HEAD"}
    return Answer(404 if reads else 200, {}, b"{}")


def _show(id_: str, found: Sequence[Installed] | None, dry_run: bool) -> None:
    say.line(id_)
    if found is None:
        say.line("  nothing to prepare")
    for one in found or ():
        said = _said(one)
        if not isinstance(one.outcome, Delivered):
            say.line(f"  {'FAILED':<8} {one.what}: {said}", style="red")
        elif dry_run:
            say.line(f"  {'would':<8} {one.what}: {_words(one.request) if one.request is not None else 'look'}")
        else:
            say.line(f"  {'ok':<8} {one.what}" + (f" ({said})" if said else ""))


def _plain(id_: str, found: Sequence[Installed] | None) -> dict[str, Any]:
    steps = [
        {
            "what": one.what,
            "ok": isinstance(one.outcome, Delivered),
            "said": _said(one),
            "request": _words(one.request) if one.request is not None else "",
        }
        for one in found or ()
    ]
    return {"exporter": id_, "ok": all(step["ok"] for step in steps), "prepared": steps}


def _said(one: Installed) -> str:
    match one.outcome:
        case Delivered(note):
            return note
        case Retry(reason) | Hold(reason) | Reject(reason) | Split(reason):
            return reason
        case other:
            return f"an answer that says nothing: {type(other).__name__}"


def _words(request: Request) -> str:
    """What is asked for, without hosts and credentials."""
    if not isinstance(request, HttpRequest):
        return type(request).__name__
    path = urlsplit(request.url).path
    return f"{request.method} {path} {request.body.decode('utf-8', 'replace')}".rstrip()
