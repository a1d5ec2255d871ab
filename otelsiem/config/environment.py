"""The environment variables that configure a gateway without a file, read, and what there is to say about them.

Guarantees: a wrong value names its variable and what was expected and never shows itself; a variable that has no exact
counterpart here is accepted, and one line says what it means instead. Beside `--config` they mean nothing, which is
told, too: there only `${env:NAME}` asks for a variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from otelsiem.config.dotenv import Environment
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Place
from otelsiem.config.variables import ABSENT, BOTH, DESTINATIONS, RETIRED, VARIABLES, Kind, Variable, absent, asked

FILE = "file"  # SIEM_TYPE: no destination but the local file

TRUTHS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

_NUMBER = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def read(env: Environment, report: Report) -> dict[str, Leaf]:
    """What is set, by name, as it is typed in YAML; wrong values are problems and left out."""
    found = {}
    for variable in VARIABLES:
        text = env.values.get(variable.name, "")
        text = text if variable.kind is Kind.TEXT else text.strip()
        if text:  # empty counts as unset, as in ${env:NAME:-default}
            written = _READERS[variable.kind](variable, text)
            if written is None:
                report.problem(env.place(variable.name), variable.name, f"expected {variable.kind.value}")
            else:
                found[variable.name] = written
    return {name: _placed(leaf, name, env.place(name)) for name, leaf in found.items()}


def explain(env: Environment, report: Report) -> None:
    """Variables that are set and do not do what their names say."""
    for variable in VARIABLES:
        if not variable.key and env.values.get(variable.name):
            report.warning(env.place(variable.name), variable.name, f"has {variable.sentence.replace('`', '')}")
    for name, instead in RETIRED.items():
        if env.values.get(name):
            report.problem(env.place(name), name, "belongs to an API that has ended", instead)
    for one in ABSENT:
        for name in one.asking:
            if env.values.get(name) and TRUTHS.get(env.values[name].strip().lower(), True):
                report.warning(env.place(name), name, f"has no effect: this version has no destination {one.title}")


def ignored(env: Environment, used: Collection[str], report: Report) -> None:
    """Beside a file the variables mean nothing: those that no expression asks for are told, once."""
    names = [v.name for v in VARIABLES if env.values.get(v.name) and v.name not in used]
    if names:
        said = "set in the environment, without effect beside --config"
        report.warning(Place(), ", ".join(names), said, "write ${env:NAME} where a value is wanted, or unset them")


def reference() -> str:
    """The reference page."""
    rows = [
        f"| `{v.name}` | {f'`{v.key}`' if v.key else 'nothing'} | {v.kind.value} | {v.sentence} |" for v in VARIABLES
    ]
    on = [f"| {d.title} | `{d.type}` | {_listed(d.needs)} | `{d.switch}` |" for d in DESTINATIONS]
    gone = [f"| {a.title} | {_listed(a.asking)} | {_listed(a.others)} |" for a in ABSENT]
    retired = [f"`{name}` is refused: {instead}." for name, instead in RETIRED.items()]
    return _PAGE.format(rows="\n".join(rows), asked="\n".join(on), absent="\n".join(gone), retired="\n".join(retired))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _placed(leaf: Leaf, name: str, place: Place) -> Leaf:
    return Leaf(leaf.value, leaf.text, place, leaf.plain, f"${{env:{name}}}", source=leaf.source)


def _leaf(value: str | float | bool, text: str, source: str = "", *, plain: bool = True) -> Leaf:
    return Leaf(value, text, Place(), plain, source=source or text)


def _text(variable: Variable, text: str) -> Leaf:
    return _leaf(text, text, f"${{env:{variable.name}}}", plain=False)


def _truth(variable: Variable, text: str) -> Leaf | None:
    truth = TRUTHS.get(text.lower())
    if truth is None:
        return None
    word = variable.words[not truth]
    return _leaf(TRUTHS.get(word, word), word)


def _whole(least: int) -> Callable[[Variable, str], Leaf | None]:
    def reader(_: Variable, text: str) -> Leaf | None:
        fits = _NUMBER.fullmatch(text) is not None and int(text) >= least
        return _leaf(int(text), str(int(text))) if fits else None

    return reader


def _seconds(_: Variable, text: str) -> Leaf | None:
    fits = _SECONDS.fullmatch(text) is not None and float(text) > 0
    return _leaf(f"{text}s", f"{text}s") if fits else None


def _rate(_: Variable, text: str) -> Leaf | None:
    fits = _SECONDS.fullmatch(text) is not None and float(text) > 0
    return _leaf(float(text), text) if fits else None


def _destination(_: Variable, text: str) -> Leaf | None:
    """One destination or several, by their types; those that are not there by the word that was used."""
    types: list[str] = []
    for part in re.split(r"[,+]", text.lower()):
        word = re.sub(r"[- ]", "_", part.strip())
        one = asked(word)
        if not (one or absent(word) or word in {FILE, "both"}):
            return None
        types += BOTH if word == "both" else [one.type if one else word]
    return _leaf(",".join(dict.fromkeys(types)), text)


_READERS: Mapping[Kind, Callable[[Variable, str], Leaf | None]] = {
    Kind.TEXT: _text,
    Kind.TRUTH: _truth,
    Kind.COUNT: _whole(1),
    Kind.NUMBER: _whole(0),
    Kind.RATE: _rate,
    Kind.SECONDS: _seconds,
    Kind.DESTINATION: _destination,
}

_PAGE = """\
# Environment variables

<!-- printed from otelsiem/config/environment.py -->

Without `--config`, these variables change the [embedded configuration](configuration.md#without-a-file). They may also
stand in a file that `--env-file` names. An empty variable counts as unset. `otelsiem print-config` shows the YAML that
they stand for. With `--config` they have no effect, except where the file asks for one with `${{env:NAME}}`.

| variable | stands for | expected | |
|---|---|---|---|
{rows}

`exporters.*` is every exporter of the embedded configuration: `file`, and each of `exporters.<destination>` that is
on. True and false may also be written 1 and 0, yes and no, on and off. `SIEM_TYPE` may name several, with commas.

| destination | exporter | on when these are set | its own switch |
|---|---|---|---|
{asked}

Each is on when all its variables are set, unless `SIEM_ENABLED` or its own switch is false, or `SIEM_TYPE` names only
others. When its switch is true, `SIEM_TYPE` names it or some of its variables are set, all of them must be.

## Destinations that this version has not got

Their variables are known, so that one of the first column, or `SIEM_TYPE`, gets a warning instead of silence. The
others mean nothing alone.

| destination | warned about | also known |
|---|---|---|
{absent}

{retired}
"""
