"""`otelsiem send`: one test record through the running gateway, and what became of it at each exporter."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from otelsiem import __version__
from otelsiem.cli import client, exits, say
from otelsiem.cli.access import Given, access
from otelsiem.cli.exits import Exit
from otelsiem.cli.options import AsJson, ConfigFiles, EnvFiles, Sets, configuration
from otelsiem.model import severity as levels
from otelsiem.model.duration import seconds

GOOD = frozenset({"delivered", "filtered"})
FINAL = GOOD | {"dead", "purged", "settled"}
COUNTED = frozenset({"due", "dead"})  # of these the journal keeps how often they were tried, of others it does not
PAUSE = 0.1  # seconds between two looks
TAKING = 30.0  # seconds for the gateway's answer, which waits for its disk


@dataclass(frozen=True, slots=True)
class Line:
    """One exporter's fate of the record."""

    pipeline: str
    position: int
    exporter: str
    kind: str
    reason: str
    attempts: int | None  # None: not known


def send(  # noqa: PLR0917 - typer calls it by name; each parameter is an option
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    event: Annotated[str, typer.Option(metavar="NAME", help="Event name.")] = "otelsiem_test",
    severity: Annotated[str, typer.Option(metavar="LEVEL", help="Level word, or SeverityNumber 1-24.")] = "info",
    message: Annotated[str, typer.Option(metavar="TEXT", help="What a person reads.")] = "Test event of otelsiem send",
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="May be given several times.")
    ] = None,
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="OTLP/HTTP; default: the configuration's receiver.")
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            envvar="OTELSIEM_TOKEN", show_envvar=True, metavar="TEXT", help="Default: the configuration's first."
        ),
    ] = "",
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file that holds the token.")] = None,
    ca_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Whom to trust; default: its own certificate.")
    ] = None,
    cert_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Client certificate, where one is asked for.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key.")] = None,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for its fate; 0: not at all.")] = "10s",
    as_json: AsJson = False,
) -> None:
    """Send one test record and tell its fate at each exporter.

    Ends with 0 when every exporter has delivered or filtered it, with 1 otherwise.

    \b
    otelsiem send
    otelsiem send --event login --severity high --attribute user.name=ada
    """
    body = _request(event, _level(severity), message, _attributes(attribute or []))
    wait = _wait(timeout)
    with exits.told(as_json):
        checked = configuration(config, sets, env_file)
        given = Given(endpoint, token, token_file, ca_file, cert_file, key_file)
        receipts = client.post(access(given, checked), body, TAKING)
        if not receipts or wait == 0:
            _taken(receipts, as_json=as_json)
            return
        if not as_json:
            say.line("taken:", ", ".join(f"{r.pipeline}/{r.position}" for r in receipts))
        with client.gateway(checked) as gateway:
            lines = _follow(gateway, receipts, wait)
            held = gateway.held() if any(line.kind not in FINAL for line in lines) else {}
        _told(lines, held, as_json=as_json)
        if not lines or any(line.kind not in GOOD for line in lines):
            raise typer.Exit(Exit.FAILURE)


def _follow(gateway: client.Gateway, receipts: Sequence[client.Receipt], wait: float) -> list[Line]:
    """The fates, when all are final or time is up."""
    deadline = time.monotonic() + wait
    while True:
        lines = [
            Line(
                receipt.pipeline,
                receipt.position,
                exporter,
                str(fate.get("kind", "unknown")),
                str(fate.get("reason", "")),
                _attempts(fate),
            )
            for receipt in receipts
            for exporter, fate in sorted(gateway.fates(receipt).items())
        ]
        if all(line.kind in FINAL for line in lines) or time.monotonic() >= deadline:
            return lines
        time.sleep(PAUSE)


def _attempts(fate: Mapping[str, object]) -> int | None:
    value = fate.get("attempts")
    return value if isinstance(value, int) and fate.get("kind") in COUNTED else None


def _told(lines: Sequence[Line], held: Mapping[str, str], *, as_json: bool) -> None:
    shown = [_held(line, held) for line in lines]
    if as_json:
        say.data({"taken": True, "fates": [asdict(line) for line in shown]})
        return
    several = len({line.pipeline for line in lines}) > 1
    counted = any(line.attempts is not None for line in shown)
    rows = [
        (
            f"{line.pipeline} {line.exporter}" if several else line.exporter,
            _word(line.kind),
            *([line.attempts if line.attempts is not None else "-"] if counted else []),
            line.reason,
        )
        for line in shown
    ]
    say.table(("EXPORTER", "FATE", *(["ATTEMPTS"] if counted else []), "REASON"), rows)
    if not rows:
        say.note("the pipeline that took it has no exporters")


def _held(line: Line, held: Mapping[str, str]) -> Line:
    if line.kind in FINAL or line.exporter not in held:
        return line
    return replace(line, kind="held", reason=held[line.exporter])


def _word(kind: str) -> str:
    return "no longer known" if kind == "settled" else kind


def _taken(receipts: Sequence[client.Receipt], *, as_json: bool) -> None:
    places = [f"{r.pipeline}/{r.position}" for r in receipts]
    if as_json:
        say.data({"taken": True, "receipts": places, "fates": []})
    elif places:
        say.line("taken:", ", ".join(places))
    else:
        say.line("taken; the one who answered gave no receipt, so its fate is not known")


def _request(event: str, number: int, message: str, attributes: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """An OTLP/JSON ExportLogsServiceRequest (OTLP 1.x, JSON Protobuf encoding: 64-bit integers are strings)."""
    now = str(time.time_ns())
    record = {
        "timeUnixNano": now,
        "observedTimeUnixNano": now,
        "severityNumber": number,
        "eventName": _text(event),
        "body": {"stringValue": _text(message)},
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "otelsiem-send"}}]}
    scope = {"name": "otelsiem.cli.send", "version": __version__}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": [record]}]}]}


def _text(argument: str) -> str:
    """An argument that is not UTF-8 with its odd bytes escaped: OTLP carries text only."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _level(word: str) -> int:
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 3 else levels.number(word)
    if 1 <= number <= 24:
        return number
    raise typer.BadParameter("a level word (info, low, medium, high, critical, …) or 1-24", param_hint="--severity")


def _attributes(pairs: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{pair!r} is not key=value", param_hint="--attribute")
        found.append((_text(key), _text(value)))
    return found


def _wait(text: str) -> float:
    try:
        return float(text) if text.isascii() and text.isdigit() else seconds(text)  # a bare number means seconds here
    except ValueError as why:
        raise typer.BadParameter(str(why), param_hint="--timeout") from None
