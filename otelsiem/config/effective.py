"""What a configuration amounts to, as a file that may be used again: merged and checked, without its secrets.

Guarantees: a value that came through an expression is shown as the expression, never as the value; a secret that was
typed is shown as `[redacted]`, and so is a secret default inside an expression. What is read back with the same
environment is the same configuration, wherever the file lies, as soon as what was redacted is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from otelsiem import __version__
from otelsiem.config import command_line, defaults
from otelsiem.config.load import Loaded
from otelsiem.config.read import shown
from otelsiem.config.secrets import Steps, scalars
from otelsiem.config.sources import Sources
from otelsiem.config.substitute import redacted
from otelsiem.config.tree import Items, Leaf, Node, Place, Table, dotted, empty, leaves
from otelsiem.model.secret import SHOWN, redact
from otelsiem.model.variables import VARIABLES
from otelsiem.processors.constitution import Constitution

DISTINCT = 8  # characters of a secret that no ordinary word has

_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):(?!\$\{[^}]*\}@)[^/@\s]*@")  # in a URL; an expression may stay


def effective(loaded: Loaded, *, every_key: bool) -> tuple[Table, list[str]]:
    """The tree to show, and the keys that are redacted in it. `every_key`: with the defaults of what was not typed."""
    root = _snapshot(loaded)
    root = defaults.filled(root) if every_key else root
    found = list(scalars(root))
    told = [leaf.text for _, leaf, secret in found if secret and len(leaf.text) >= DISTINCT]
    hidden = {steps: _hidden(leaf, told, secret=secret) for steps, leaf, secret in found}
    shown_root = _rebuilt(root, (), hidden)
    assert isinstance(shown_root, Table)
    redacted_ones = [s for s, leaf, _ in found if SHOWN in _shown(hidden[s]) and SHOWN not in _shown(leaf)]
    return shown_root, [dotted(steps) for steps in redacted_ones]


def origins(sources: Sources, loaded: Loaded, missing: Sequence[str]) -> list[str]:
    """Where it came from, and what to know before it is used, for the top of the file."""
    lines = [f"The effective configuration of otelsiem {__version__}; secrets are not shown.", "Merged, in this order:"]
    lines += [f"  --config {shown(name)}" for name in sources.configs]
    if not sources.configs:
        lines += ["  the embedded configuration", *_variables(loaded)]
    lines += [f"  --set {command_line.key(text)}" for text in sources.sets]
    if sources.env_files:
        lines.append(f"Variables also come from {', '.join(map(str, sources.env_files))}; the environment wins.")
    if loaded.off:
        lines.append(f"Left out, because of enabled: false: {', '.join(sorted('.'.join(one) for one in loaded.off))}")
    for id_, files in _rules(loaded):
        lines.append(f"processors.{id_}.hash was computed from files: {files}")
    if missing:
        lines.append(f"Fill in before use: {', '.join(missing)}")
    return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]


def _variables(loaded: Loaded) -> Iterator[str]:
    used = {leaf.outside for leaf in leaves(loaded.root)}
    for variable in VARIABLES:
        if f"${{env:{variable.name}}}" in used:
            place = loaded.environment.place(variable.name)
            yield f"  {variable.name}: {variable.key}" + (f" ({place.file}:{place.line})" if place.file else "")


def _rules(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Processors whose files were read: the paths are relative to a file that this one need not lie beside."""
    table = loaded.root.items.get("processors")
    for id_, node in table.items.items() if isinstance(table, Table) else ():
        if isinstance(loaded.config.processors.get(id_), Constitution) and isinstance(node, Table):
            named = [leaf.outside or leaf.text for leaf in leaves(node.items.get("files", empty()))]
            if named:
                yield id_, ", ".join(named)


def _snapshot(loaded: Loaded) -> Table:
    """The tree with the hash that a constitution's files have now, in place of the files."""
    ids = [id_ for id_, _ in _rules(loaded)]
    root = Table(dict(loaded.root.items), dict(loaded.root.keys), loaded.root.place)
    processors = root.items.get("processors")
    if not ids or not isinstance(processors, Table):
        return root
    found = dict(processors.items)
    for id_ in ids:
        node, constitution = found[id_], loaded.config.processors[id_]
        assert isinstance(node, Table)
        assert isinstance(constitution, Constitution)
        items = {key: value for key, value in node.items.items() if key != "files"}
        now = Leaf(constitution.hash, constitution.hash or "", node.place)
        found[id_] = Table({"hash": now, **items}, {"hash": node.place, **node.keys}, node.place)
    root.items["processors"] = Table(found, processors.keys, processors.place)
    return root


def _shown(leaf: Leaf) -> str:
    return leaf.source or leaf.text


def _hidden(leaf: Leaf, told: Iterable[str], *, secret: bool) -> Leaf:
    if leaf.outside:
        source = redacted(leaf.source, SHOWN) if secret else leaf.source
        return replace(leaf, value=None, text="", source=_PASSWORD.sub(rf"\1:{SHOWN}@", source))
    if not isinstance(leaf.value, str) and not secret:
        return leaf
    if secret:
        return replace(leaf, value=SHOWN, text=SHOWN) if leaf.text and leaf.value is not None else leaf
    text = redact(_PASSWORD.sub(rf"\1:{SHOWN}@", leaf.text), told)
    return replace(leaf, value=text, text=text)


def _rebuilt(node: Node, steps: Steps, by: Mapping[Steps, Leaf]) -> Node:
    match node:
        case Leaf():
            return by.get(steps, Leaf(None, "", Place()))  # none is missing; if one were, it would not be shown
        case Items():
            return Items([_rebuilt(item, (*steps, n), by) for n, item in enumerate(node.items)], node.place)
        case Table():
            inner = {key: _rebuilt(item, (*steps, key), by) for key, item in node.items.items()}
            return Table(inner, dict(node.keys), node.place)
