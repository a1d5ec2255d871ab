"""`--env-file FILE`: environment variables from files, read as dotenv reads them, below the real environment.

Guarantees: a file gives its variables or problems with file and line that show no value; the real environment wins
over every file, a later file over an earlier one. `$` in a value is a dollar sign: nothing is filled in. The process
itself keeps its environment: what a file says is seen by `${env:…}` and by the variables of `environment.py` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from otelsiem.config.report import Report
from otelsiem.config.tree import Place

LARGEST = 1 << 20  # bytes of one file

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")  # what ${env:…} can ask for
_EXPORT = re.compile(r"export[ \t]+(?=\S)")
_COMMENT = re.compile(r"[ \t]+#.*")
_LITERAL = {"\\": "\\", "'": "'"}
_ESCAPES = {**_LITERAL, '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_QUOTED = {
    "'": (re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL), _LITERAL),
    '"': (re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL), _ESCAPES),
}


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables, and where the ones that a file gave were typed."""

    values: Mapping[str, str] = field(repr=False)
    places: Mapping[str, Place]

    def place(self, name: str) -> Place:
        """Where a variable was set; nowhere in particular when it is the process's own."""
        return self.places.get(name, Place())


class _Refused(Exception):  # noqa: N818 - a jump to where the line is known
    def __init__(self, message: str, hint: str = "", *, last: bool = False) -> None:
        super().__init__(message)
        self.hint, self.last = hint, last


def environment(files: Sequence[Path], env: Mapping[str, str], report: Report) -> Environment:
    """The real environment over these files."""
    values: dict[str, str] = {}
    places: dict[str, Place] = {}
    for path in files:
        for name, value, line in _variables(path, report):
            if name not in env:
                values[name], places[name] = value, Place(str(path), line)
    return Environment({**values, **env}, places)


def _variables(path: Path, report: Report) -> list[tuple[str, str, int]]:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        report.problem(Place(), str(path), "this is not UTF-8 text", "save the file as UTF-8")
        return []
    except OSError as why:
        report.problem(Place(), str(path), f"cannot read this environment file: {why.strerror}")
        return []
    except ValueError:  # a NUL in the path
        report.problem(Place(), repr(str(path)), "this is not a path of a file")
        return []
    if len(raw) > LARGEST:
        report.problem(Place(), str(path), f"the file has more than {LARGEST:,} bytes")
        return []
    return _parsed(text, str(path), report)


def _parsed(text: str, file: str, report: Report) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    at, line = 0, 1
    while at < len(text):
        end = _line_end(text, at)
        written = text[at:end].strip()
        name, equals, _ = (_EXPORT.sub("", part).strip() for part in written.partition("="))
        known = bool(equals and _NAME.fullmatch(name))
        try:
            if known:
                value, end = _value(text, text.index("=", at) + 1, end)
                found.append((name, value, line))
            elif written and not written.startswith("#"):
                raise _Refused("the name has letters, digits and _ only" if equals else "expected NAME=VALUE")
        except _Refused as why:
            report.problem(Place(file, line), name if known else "(line)", str(why), why.hint)
            if why.last:
                break
        line += text.count("\n", at, end) + 1
        at = end + 1
    return found


def _value(text: str, start: int, end: int) -> tuple[str, int]:
    """The value and where its line ends; a quoted one may hold line ends."""
    written = text[start:end]
    begin = end - len(written.lstrip(" \t"))
    if text[begin : begin + 1] not in {"'", '"'}:
        if written.startswith("#"):  # python-dotenv takes it for the value, dotenv for a comment
            raise _Refused("a value that begins with '#' needs quotes")
        return _COMMENT.sub("", written).strip(), end
    pattern, escapes = _QUOTED[text[begin]]
    found = pattern.match(text, begin)
    if found is None:  # what follows belongs to the value: it is not read as names
        raise _Refused(
            "the value begins with a quote and has no second one", "write \\ before a quote inside", last=True
        )
    after = _line_end(text, found.end())
    rest = text[found.end() : after].strip()
    if rest and not rest.startswith("#"):
        raise _Refused("something stands behind the closing quote", "write \\ before a quote inside")
    return re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[0]), found[1], flags=re.DOTALL), after


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
