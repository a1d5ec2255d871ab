"""What is typed on the command line as if it stood in a file: `--set KEY=VALUE` and `--config yaml:…`.

Guarantees: a problem names the key and never shows the value. As in the Collector, `.` and `::` both lead one level
down and the value is YAML; a key that holds a dot stands in quotes (`exporters.file."a.b"=1`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from otelsiem.config import yaml
from otelsiem.config.report import Report
from otelsiem.config.tree import Node, Place, Table, dotted, empty, merge, moved, nested

SET = Place("--set")
INLINE = Place("--config yaml:")

_STEP = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|((?:[^.=:"']|:(?!:))+))\s*""")
_DOWN = re.compile(r"\.|::")
_EXAMPLE = "for example exporters.file.path=events.jsonl"


def setting(text: str, number: int, report: Report) -> Table | None:
    """One `--set`, the `number`th, as a tree of its own; None when the report says why there is none."""
    found = _split(text)
    if found is None:
        said = "expected KEY=VALUE" if "=" not in text else "the key cannot be read"
        hint = _EXAMPLE if "=" not in text else "steps are parted by . or ::, a step that holds a dot needs quotes"
        report.problem(SET, f"number {number}", said, hint)
        return None
    steps, written = found
    value = yaml.value(written, SET, steps, report)
    return None if value is None else nested(steps, value, SET)


def inline(text: str, report: Report) -> Table | None:
    """What stands behind `--config yaml:`; `exporters::file::path: x` leads down as `--set` does."""
    read = yaml.read(text.encode("utf-8", "surrogateescape"), INLINE.file, report)
    if read is None:
        return None
    root: Node = empty(INLINE)
    for key, node in read.items.items():
        root = merge(root, nested(key.split("::"), moved(node, INLINE), INLINE))
    assert isinstance(root, Table)
    return root


def key(text: str) -> str:
    """The key of a `--set`, as problems name it."""
    found = _split(text)
    return dotted(found[0]) if found else ""


def _split(text: str) -> tuple[Sequence[str], str] | None:
    steps: list[str] = []
    at = 0
    while step := _STEP.match(text, at):
        steps.append(step[1] or step[2] or step[3].strip())
        at = step.end()
        if text[at : at + 1] == "=":
            return (steps, text[at + 1 :]) if all(steps) else None
        down = _DOWN.match(text, at)
        if down is None:
            return None
        at = down.end()
    return None
