"""The environment variables that configure a gateway without a file, read, and what there is to say about them.

Guarantees: a wrong value names its variable and what was expected and never shows itself; a variable that has no exact
counterpart here is accepted, and one line says what it means instead; a name that is one of ours but for a slip is
told. Beside `--config` they mean nothing, which is
told, too: there only `${env:NAME}` asks for a variable.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from otelsiem.config.dotenv import Environment
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Place
from otelsiem.model.variables import (
    ABSENT,
    BOTH,
    DESTINATIONS,
    LIBRARY,
    RETIRED,
    TRUTHS,
    VARIABLES,
    Kind,
    Variable,
    absent,
    asked,
    meant,
)

FILE = "file"  # SIEM_TYPE: no destination but the local file
PREFIXES = ("SIEM_", "SPLUNK_", "DATADOG_", "HTTPX_", "OTELSIEM_")
NEAR = 0.9  # how alike two names are that differ by a slip; SPLUNK_REALM and DATADOG_TRACE_ENABLED are other programs'
KNOWN = frozenset(
    {v.name for v in (*VARIABLES, *LIBRARY)}
    | {name for one in ABSENT for name in (*one.asking, *one.others)}
    | {*RETIRED, "OTELSIEM_CONFIG", "OTELSIEM_ENV_FILE", "OTELSIEM_TOKEN"}
)


def read(env: Environment, report: Report) -> dict[str, Leaf]:
    """What is set, by name, as it is typed in YAML; wrong values are problems and left out."""
    found = {}
    for variable in VARIABLES:
        text = env.values.get(variable.name, "")
        text = text if variable.kind is Kind.TEXT else text.strip()
        if text:  # empty counts as unset, as in ${env:NAME:-default}
            written = _written(variable, text)
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
    for name in env.values:
        if env.values[name] and (meant_one := _slip(name)):
            report.warning(env.place(name), name, "is not a variable here", f"did you mean {meant_one!r}?")


def _slip(name: str) -> str:
    """The variable that somebody meant who set one that nobody knows; "" for what is another program's."""
    if name in KNOWN or not name.startswith(PREFIXES):
        return ""
    return "".join(get_close_matches(name, sorted(KNOWN), 1, NEAR))


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
    own = [f"| `{v.name}` | {v.kind.value} | {v.sentence} |" for v in LIBRARY]
    parts = {"rows": rows, "asked": on, "absent": gone, "retired": retired, "own": own}
    return _PAGE.format(**{name: "\n".join(lines) for name, lines in parts.items()})


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _placed(leaf: Leaf, name: str, place: Place) -> Leaf:
    return Leaf(leaf.value, leaf.text, place, leaf.plain, f"${{env:{name}}}", source=leaf.source)


def _leaf(value: str | float | bool, text: str, source: str = "", *, plain: bool = True) -> Leaf:
    return Leaf(value, text, Place(), plain, source=source or text)


def _written(variable: Variable, text: str) -> Leaf | None:
    """As it would be typed in YAML."""
    if variable.kind is Kind.TEXT:
        return _leaf(text, text, f"${{env:{variable.name}}}", plain=False)
    if variable.kind is Kind.DESTINATION:
        return _destination(text)
    value = meant(variable, text)
    match value:
        case None:
            return None
        case bool():
            return _leaf(value, str(value).lower())
        case float():
            return _leaf(value, text)
        case _:
            return _leaf(value, str(value))


def _destination(text: str) -> Leaf | None:
    """One destination or several, by their types; those that are not there by the word that was used."""
    types: list[str] = []
    for part in re.split(r"[,+]", text.lower()):
        word = re.sub(r"[- ]", "_", part.strip())
        one = asked(word)
        if not (one or absent(word) or word in {FILE, "both"}):
            return None
        types += BOTH if word == "both" else [one.type if one else word]
    return _leaf(",".join(dict.fromkeys(types)), text)


_PAGE = """\
# Environment variables

<!-- printed from otelsiem/config/environment.py -->

Without `--config`, these variables change the [embedded configuration](configuration.md#without-a-file). They may also
stand in a file that `--env-file` names. An empty variable counts as unset; a name that differs from one of these by a
slip draws a warning. `otelsiem print-config` shows the YAML that they stand for. With `--config` they have no effect,
except where the file asks for one with `${{env:NAME}}`.

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

## In an application

With `OTEL_LOGS_EXPORTER=otelsiem_splunk_hec` and its sisters ([how](../how-to/opentelemetry-sdk.md)), the variables of
a destination's own keys mean the same to its exporter in an application. Those of `exporters.*`, `enabled` and
`sending_queue` do not: `OTEL_LOGS_EXPORTER` says what is on, the `OTEL_BLRP_*` variables say how records are batched.

Every key of a destination has a variable besides: `OTELSIEM_SPLUNK_HEC_INDEX`, inside a block after two underscores
(`OTELSIEM_DATADOG_API__KEY`). Lists are written with commas, mappings as `a=b,c=d`, either as JSON. One that nobody
knows is refused, and so are two that contradict each other. For all exporters of the application:

| variable | expected | |
|---|---|---|
{own}

A destination's name in it makes one of its exporter alone: `OTELSIEM_SPLUNK_HEC_JOURNAL`, `…_NAME`, `…_MATCH__EVENTS`,
`…_RATE`, `…_BURST`.
"""
