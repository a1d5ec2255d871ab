"""A part of the tree against its pydantic model: the model's instance, or problems in words.

Says what was expected and what was found, with the file and line of the key, and never shows a secret: neither the
value of a field that is one, nor anything that came in through `${env:…}` or `${file:…}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Node, Place, Table, find, leaves, plain
from otelsiem.model.near import nearest
from otelsiem.model.secret import SHOWN, redact
from otelsiem.model.settings import expected, models

M = TypeVar("M", bound=BaseModel)
Steps = Sequence[str | int]

_SECRET = re.compile(
    r"(?!.*_(?:files?|dir|directory|path)$).*"  # where it is may be shown
    r"(?:token|password|passwd|secret|credential|api_?key|authorization|webhook|private|access_key)",
    re.IGNORECASE,
)


def validate(model: type[M], node: Node, steps: Steps, report: Report, *, also: Collection[str] = ()) -> M | None:
    """The model's instance, or None when the report says why there is none. `also`: keys that others read."""
    error = _attempt(model, node)
    if isinstance(error, ValidationError) and _read_as_written(node, error):
        error = _attempt(model, node)  # once is enough: every scalar that was refused as a number is text now
    if not isinstance(error, ValidationError):
        return error
    secrets = [leaf.text for leaf in leaves(node) if leaf.outside] + _told_in_secret_fields(model, node)
    for detail in error.errors(include_url=False):
        problem = _told(model, node, detail, secrets, also)
        if problem is not None:
            place, taken, message, hint = problem
            report.problem(place, [*steps, *taken], message, hint)
    return None


def keys(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The keys of a block, as they are typed."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _attempt(model: type[M], node: Node) -> M | ValidationError:
    value = plain(node)
    try:
        return model.model_validate({} if value is None else value)  # `severity:` with nothing behind it
    except ValidationError as error:
        return error


def _read_as_written(node: Node, error: ValidationError) -> bool:
    """Where text is wanted, a number is what was written: the token 0123456789 or the version 1.10."""
    changed = False
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        found, _, _ = find(node, detail["loc"])
        if isinstance(found, Leaf) and detail["type"] == "string_type" and _typed(found):
            found.value = found.text
            changed = True
    return changed


def _typed(leaf: Leaf) -> bool:
    if leaf.value is None:
        return bool(leaf.outside and leaf.text)  # a secret may be the word null
    return isinstance(leaf.value, int | float) and (bool(leaf.outside) or not isinstance(leaf.value, bool))


def _told(
    model: type[BaseModel], node: Node, detail: Mapping[str, Any], secrets: list[str], also: Collection[str]
) -> tuple[Place, Steps, str, str] | None:
    loc: tuple[str | int, ...] = detail["loc"]
    found, taken, place = find(node, loc)
    known = _fields(model, taken)
    if detail["type"] == "missing":
        info = known.get(str(loc[-1]))
        return place, [*taken, loc[-1]], "is missing", (info.description or "") if info else ""
    if detail["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        names = [*_fields(model, taken[:-1]), *(also if len(taken) == 1 else ())]
        return place, taken, "is not a key here", nearest(str(taken[-1]), names)
    if isinstance(found, Leaf) and found.broken:
        return None
    hidden = isinstance(found, Leaf) and (bool(found.outside) or is_secret(model, taken))
    renamed = [step for step in loc[len(taken) :][:1] if step in known]  # by the model: the typed key is another
    message = _message(detail, found, hidden=hidden, secrets=secrets)
    return place, [*taken, *renamed], message, _hint(detail, found) or _keys_or_form(model, taken, detail, known)


def _message(detail: Mapping[str, Any], found: Node, *, hidden: bool, secrets: list[str]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        said = str(context.get("error", detail["msg"]))
        short = any(0 < len(s) < 4 and repr(s) in said for s in secrets)  # too short to be told from words
        said = "this value is not accepted" if hidden and short else redact(said, secrets)
        if hidden and isinstance(found, Leaf) and found.outside:
            said += f"; the value comes from {found.outside}"
        elif said.startswith("expected ") and "found" not in said:
            said += f"; found {_shown(found, hidden=hidden)}"
        return said
    if words := expected(kind, context):
        return f"expected {words}, found {_shown(found, hidden=hidden)}"
    return redact(detail["msg"].replace("Input should", "this should"), secrets)


def _shown(found: Node, *, hidden: bool) -> str:
    if not isinstance(found, Leaf):
        return "a mapping" if isinstance(found, Table) else "a list"
    if hidden and (found.text or found.outside):
        return f"what {found.outside} gives" if found.outside else SHOWN
    match found.value:
        case None:
            return "nothing"
        case bool():
            return str(found.value).lower()
        case str():
            return repr(found.value if len(found.value) <= 60 else found.value[:60] + "…")
        case _:
            return found.text or str(found.value)


def _hint(detail: Mapping[str, Any], found: Node) -> str:
    if detail["type"].endswith("_type") and isinstance(found, Leaf) and isinstance(found.value, str) and found.outside:
        return "without quotes around the expression, the value keeps its type"
    return "write it as a list: [a, b]" if detail["type"] == "list_type" and isinstance(found, Leaf) else ""


def _keys_or_form(model: type[BaseModel], taken: Steps, detail: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """What a block may hold, or what the description says of a text."""
    if detail["type"] in {"model_type", "model_attributes_type"} and known:
        return f"its keys: {', '.join(known)}"
    info = _fields(model, taken[:-1]).get(str(taken[-1])) if taken else None
    return (info.description or "") if info and detail["type"] == "string_pattern_mismatch" else ""


def _fields(model: type[BaseModel], steps: Steps) -> Mapping[str, FieldInfo]:
    """The keys of the block at these steps, as far as models tell."""
    return next((keys(owner) for owner in _owners(model, steps)), {})


def _owners(model: type[BaseModel], steps: Steps) -> Iterator[type[BaseModel]]:
    if not steps:
        yield model
        return
    info = next((i for n, i in model.model_fields.items() if steps[0] in {i.alias or n, n}), None)
    if info is None:
        return
    for inner in models(info.annotation):
        yield from _owners(inner, steps[1:])
        yield from _owners(inner, steps[2:])  # a list of blocks, or a mapping of them: one step is the index


def is_secret(model: type[BaseModel], steps: Steps) -> bool:
    """Whether what stands at these steps must not be shown: by its key, by its field, or by one that it is in."""
    names = [step for step in steps if isinstance(step, str)]
    if not names or _SECRET.match(names[-1]) or ("headers" in names and "include_metadata" not in names):
        return bool(names)  # of include_metadata the headers are names
    for depth, step in enumerate(steps):
        info = _fields(model, steps[:depth]).get(str(step))
        if info is not None and _holds_secret(info.annotation):
            return True
    return False


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_holds_secret(part) for part in get_args(annotation))


def _told_in_secret_fields(model: type[BaseModel], node: Node, steps: tuple[str | int, ...] = ()) -> list[str]:
    if isinstance(node, Leaf):
        return [node.text] if node.text and is_secret(model, steps) else []
    pairs: Any = node.items.items() if isinstance(node, Table) else enumerate(node.items)
    return [text for step, child in pairs for text in _told_in_secret_fields(model, child, (*steps, step))]
