"""The files that hold the rules in force, read once when the configuration is loaded: `constitution: {files: […]}`.

Guarantees: the names that go into the hash are relative to the configuration file, so the same rules have the same
hash on every machine; a file that cannot be read, or a pattern that finds none, is a problem and never an empty hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from glob import has_magic
from pathlib import Path

from otelsiem.config.report import Report
from otelsiem.config.tree import Items, Leaf, Place, Table
from otelsiem.processors.constitution import Constitution, digest


def resolve(constitution: Constitution, node: Table, steps: Sequence[str], report: Report) -> Constitution | None:
    """The constitution with the hash of its files, or None when the report says why there is none."""
    listed = node.items["files"]
    named: dict[str, bytes] = {}
    before = len(report.problems)
    for index, pattern in enumerate(constitution.files):
        leaf = listed.items[index] if isinstance(listed, Items) else listed
        assert isinstance(leaf, Leaf)
        _read(pattern, leaf.place, [*steps, "files", index], named, report)
    if len(report.problems) > before:
        return None
    return constitution.resolved(digest(named, constitution.length))


def _read(pattern: str, place: Place, steps: list[str | int], named: dict[str, bytes], report: Report) -> None:
    folder = Path(place.file).parent
    try:
        globbed = [path for path in sorted(folder.glob(pattern)) if path.is_file()] if has_magic(pattern) else None
        files = [folder / pattern] if globbed is None else globbed
        for path in files:
            named[path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name] = path.read_bytes()
    except OSError as why:
        report.problem(place, steps, f"cannot read {pattern!r}: {why.strerror}", "relative to the configuration file")
        return
    except (ValueError, NotImplementedError):  # the latter is what pathlib says of an absolute pattern
        report.problem(place, steps, f"{pattern!r} is not a path or a pattern of paths")
        return
    if not files:
        report.problem(place, steps, f"{pattern!r} finds no file", "relative to the configuration file")
