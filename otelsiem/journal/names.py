"""What a torn journal's pipelines are called: rules, no file.

Guarantees: each has a name of its own; one that the file or the configuration knows, as far as either can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def named(
    ids: Sequence[int],
    rows: Mapping[int, str],
    index: Mapping[int, str],
    readers: Mapping[int, Collection[str]],
    known: Mapping[str, Collection[str]],
) -> dict[int, str]:
    """By pipeline. Its row counts, then what the index repeats, then whose exporters these are.

    `readers` and `known` are the exporters by pipeline: in the file, and in the configuration.
    """
    found: dict[int, str] = {}
    for id_ in ids:
        name = rows.get(id_) or index.get(id_) or ""
        if name not in known and index.get(id_) in known:  # a letter of the row's own was hit
            name = index[id_]
        if name and name not in found.values():
            found[id_] = name
    for id_ in ids:
        free = [name for name in known if name not in found.values()]
        if id_ not in found:
            found[id_] = (
                _guess(readers.get(id_, ()), free, known, alone=len(ids) - len(found) == 1) or f"recovered/{id_}"
            )
    return found


def _guess(mine: Collection[str], free: Sequence[str], known: Mapping[str, Collection[str]], *, alone: bool) -> str:
    same = [name for name in free if set(known[name]) == set(mine)]
    some = [name for name in free if set(known[name]) & set(mine)]
    for candidates in (same, some, free if alone else ()):
        if len(candidates) == 1:
            return candidates[0]
    return ""
