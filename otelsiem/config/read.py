"""One `--config` to the tree it holds: a file, or what stands in an environment variable or in the argument itself.

`FILE`, `file:FILE`, `env:NAME` and `yaml:TEXT` are the Collector's. It also fetches from addresses; that is refused: a
gateway for audit records must not depend on who answers there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from otelsiem.config import command_line, yaml
from otelsiem.config.dotenv import Environment
from otelsiem.config.report import Report
from otelsiem.config.sources import Sources
from otelsiem.config.substitute import Surroundings
from otelsiem.config.tree import Place, Table

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?=:)")  # two letters at least: C:\ is a drive


def read(name: str, env: Environment, report: Report) -> Table | None:
    """The tree, or None when the report says why there is none."""
    scheme, rest = _split(name)
    match scheme:
        case _ if not name:
            report.problem(Place(), "--config", "is empty", "a file is wanted; is a variable of the shell not set?")
            return None
        case "file":
            return _file(Path(rest), report)
        case "yaml":
            return command_line.inline(rest, report)
        case "env":
            return _variable(rest, env, report)
        case _:
            hint = "fetch it into a file; there are FILE, env:NAME and yaml:TEXT, and file:FILE for a name with a colon"
            report.problem(Place("--config"), f"{scheme}:…", "is not a source of configurations", hint)
            return None


def around(sources: Sources, env: Environment) -> Mapping[str, Surroundings]:
    """What expressions may ask for, by the place where they were typed; outside a file, files are relative to here."""
    found = {command_line.SET.file: Path(), command_line.INLINE.file: Path()}
    for name in sources.configs:
        scheme, rest = _split(name)
        found[rest if scheme == "file" else f"{scheme}:{rest}"] = Path(rest).parent if scheme == "file" else Path()
    return {file: Surroundings(env.values, folder) for file, folder in found.items()}


def shown(name: str) -> str:
    """A `--config` as it may be printed: what `yaml:` holds may be a secret."""
    scheme, _ = _split(name)
    return "yaml:…" if scheme == "yaml" else name


def _split(name: str) -> tuple[str, str]:
    scheme = _SCHEME.match(name)
    if scheme is None:
        return "file", str(Path(name))
    rest = name[scheme.end() + 1 :]
    return scheme[0].lower(), str(Path(rest)) if scheme[0].lower() == "file" else rest


def _file(path: Path, report: Report) -> Table | None:
    try:
        raw = path.read_bytes()
    except OSError as why:
        report.problem(Place(), str(path), f"cannot read this file: {why.strerror}")
        return None
    except ValueError:  # a NUL in the path
        report.problem(Place(), repr(str(path)), "this is not a path of a file")
        return None
    return yaml.read(raw, str(path), report)


def _variable(name: str, env: Environment, report: Report) -> Table | None:
    text = env.values.get(name)
    if text is None:
        report.problem(Place("--config"), f"env:{name}", "the environment variable is not set")
        return None
    return yaml.read(text.encode("utf-8", "surrogateescape"), f"env:{name}", report)
