"""`${env:NAME}`, `${env:NAME:-default}`, `${NAME}` and `${file:path}` in values, as the Collector reads them.

`$$` is a dollar sign. A variable that is unset and has no default is a problem, never an empty value. What comes in
is not read for further expressions, so a password may hold any characters. An unquoted value that is one expression
and nothing else gets the type that its content has; anything else stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from otelsiem.config.report import Report
from otelsiem.config.scalar import resolve
from otelsiem.config.tree import Leaf, Node, Place, Table

LARGEST = 1 << 20  # bytes of a file that stands for one value
DEEPEST = 8  # defaults within defaults

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?=:)")
_AUTH_SCHEME = re.compile(r"(?:Basic|Bearer|Splunk|Token|ApiKey|GenieKey|DPoP) ", re.IGNORECASE)  # before a secret


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What expressions may ask for: the environment, and files relative to the one that names them."""

    env: Mapping[str, str]
    folder: Path


class _Refused(Exception):  # noqa: N818 - a jump to where the place is known
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def substitute(node: Node, steps: list[str | int], around: Mapping[str, Surroundings], report: Report) -> None:
    """Fill in every expression below this node. `around` is keyed by the file in which a value was typed."""
    if isinstance(node, Leaf):
        if isinstance(node.value, str) and "$" in node.value and node.place.file in around:
            _fill(node, steps, around[node.place.file], report)
        return
    pairs = node.items.items() if isinstance(node, Table) else enumerate(node.items)
    for step, child in pairs:
        substitute(child, [*steps, step], around, report)


def _fill(leaf: Leaf, steps: list[str | int], around: Surroundings, report: Report) -> None:
    source = leaf.text
    try:
        text, whole = _expand(source, around)
    except _Refused as why:
        report.problem(Place(leaf.place.file, leaf.place.line), steps, why.message, why.hint)
        leaf.value, leaf.text, leaf.broken = None, "", True  # told here, so validation need not
        return
    leaf.text = text
    leaf.value = resolve(text) if leaf.plain and whole else text
    expressions = [inner for _, inner in _parts(source) if inner is not None]
    if expressions:
        leaf.outside = "".join(f"${{{_told(inner)}}}" for inner in expressions)
        leaf.source = rebased(source, around.folder)


def rebased(source: str, folder: Path) -> str:
    """The same text with the paths of its `${file:…}` made absolute, so that it means the same in another folder."""

    def absolute(inner: str) -> str:
        if inner.startswith("file:"):
            return f"file:{(folder / inner.removeprefix('file:')).absolute()}"
        name, default, text = inner.partition(":-")
        return name + default + rebased(text, folder)

    return "".join(text if inner is None else f"${{{absolute(inner)}}}" for text, inner in _parts(source))


def redacted(source: str, hidden: str) -> str:
    """The same text without what is typed around and inside its expressions: a secret's default is one, too."""

    def bare(inner: str) -> str:
        name, default, text = inner.partition(":-")
        return name if inner.startswith("file:") else name + default + redacted(text, hidden)

    shown = ((_literal(text, hidden) if inner is None else f"${{{bare(inner)}}}") for text, inner in _parts(source))
    return "".join(shown)


def _literal(text: str, hidden: str) -> str:
    return text if not text or _AUTH_SCHEME.fullmatch(text) else hidden


def names(source: str) -> Iterator[str]:
    """The environment variables that the expressions of a text ask for."""
    for _, inner in _parts(source):
        if inner is not None and not inner.startswith("file:"):
            name, _, default = inner.removeprefix("env:").partition(":-")
            yield name
            yield from names(default)


def typed(text: str) -> str:
    """What to type for a text that means itself."""
    return re.sub(r"\$(?=[${])", "$$", text)


def _told(inner: str) -> str:
    """An expression as messages show it: its default stays out, which may be a secret."""
    name, default, _ = inner.partition(":-")
    return inner if inner.startswith("file:") else name + (":-…" if default else "")


def _expand(source: str, around: Surroundings, depth: int = 0) -> tuple[str, bool]:
    """The text with its expressions filled in; whether it is a single expression."""
    if depth > DEEPEST:
        raise _Refused(f"defaults within defaults, more than {DEEPEST} deep")
    parts = list(_parts(source))
    filled = [text.replace("$$", "$") if inner is None else _value(inner, around, depth) for text, inner in parts]
    return "".join(filled), len(parts) == 1 and parts[0][1] is not None


def _parts(source: str) -> Iterator[tuple[str, str | None]]:
    """What is typed, as texts (with `$$` for a dollar) and expressions (what is inside `${…}`), in order."""
    start = at = 0
    while (dollar := source.find("$", at)) >= 0:
        if source.startswith("${", dollar):
            end = _closing(source, dollar + 2)
            if dollar > start:
                yield source[start:dollar], None
            yield "", source[dollar + 2 : end]
            start = at = end + 1
        else:  # `$$` is one dollar; a dollar before anything else is itself, as in the Collector since 0.104
            at = dollar + (2 if source.startswith("$$", dollar) else 1)
    if start < len(source):
        yield source[start:], None


def _closing(source: str, start: int) -> int:
    depth = 1
    for at in range(start, len(source)):
        if source[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        elif source.startswith("${", at):
            depth += 1
    raise _Refused("'${' without its '}'", "write $$ for a dollar sign")


def _value(expression: str, around: Surroundings, depth: int) -> str:
    scheme = _SCHEME.match(expression)
    if scheme is None or scheme[0] == "env" or expression.startswith(f"{scheme[0]}:-"):
        return _variable(expression.removeprefix("env:"), around, depth)
    if scheme[0] == "file":
        return _file(expression.removeprefix("file:"), around)
    raise _Refused(
        f"'${{{scheme[0]}:…}}' is not a source of values", "use ${env:NAME}, ${env:NAME:-default} or ${file:path}"
    )


def _variable(expression: str, around: Surroundings, depth: int) -> str:
    name, has_default, default = expression.partition(":-")
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 40 else name[:40] + "…"
        raise _Refused(f"{shown!r} cannot be the name of an environment variable", "write $$ for a dollar sign")
    value = around.env.get(name)
    if has_default:  # empty counts as unset, as in a shell and in OpenTelemetry's declarative configuration
        return value or _expand(default, around, depth + 1)[0]
    if value is None:
        raise _Refused(
            f"the environment variable {name} is not set", f"set it, or give a default: ${{env:{name}:-default}}"
        )
    return value


def _file(name: str, around: Surroundings) -> str:
    try:
        path = around.folder / name
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(f"the file {name!r} is not UTF-8 text") from None
    except OSError as why:
        raise _Refused(
            f"cannot read the file {name!r}: {why.strerror}", "the path is relative to the configuration file"
        ) from None
    except ValueError:  # a NUL in the path
        raise _Refused("this is not a path of a file") from None
    if len(raw) > LARGEST:
        raise _Refused(f"the file {name!r} has more than {LARGEST:,} bytes")
    return text.removesuffix("\n").removesuffix("\r")
