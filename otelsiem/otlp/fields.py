"""The fields of an OTLP/JSON object, each read strictly: texts, integers, ids, lists, and any AnyValue.

Guarantees: what is wrong is a `Wrong` that collects the path to its place on its way up and holds nothing of the
payload; an integer never passes through a float; null reads as the field's default.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from math import isinf
from typing import Any, ParamSpec, TypeVar

from otelsiem.model.record import Value
from otelsiem.otlp.rules import DEEPEST

P = ParamSpec("P")
T = TypeVar("T")

_INTEGER = re.compile(r"(-?\d{1,39})(?:\.0{1,39})?", re.ASCII)  # 1.0 is an integer to proto3 JSON
_DOUBLE = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity", re.ASCII)
_URL_SAFE = str.maketrans("-_", "+/")

INT64 = (-(1 << 63), (1 << 63) - 1)
UINT64 = (0, (1 << 64) - 1)
INT32 = (-(1 << 31), (1 << 31) - 1)
UINT32 = (0, (1 << 32) - 1)


class Wrong(Exception):  # noqa: N818 it becomes a MalformedError at the top of json.py
    """What is wrong with a value, and the way to it."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.path = ""

    def under(self, step: str) -> Wrong:
        self.path = f"{step}.{self.path}" if self.path else step
        return self


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Twice:
    """Stands for an object that says a name twice; whoever needs the object refuses it at its place."""


def at(step: str, read: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What `read` makes of it; what is wrong there lies below this step."""
    try:
        return read(*given, **named)
    except Wrong as wrong:
        wrong.under(step)
        raise


def object_of(item: Any) -> dict[str, Any]:
    if type(item) is dict:
        found: dict[str, Any] = item
        return found
    raise Wrong("one of its names stands there twice" if type(item) is Twice else "expected an object")


def child_of(holder: dict[str, Any], name: str) -> dict[str, Any]:
    item = holder.get(name)
    return {} if item is None else at(name, object_of, item)


def list_of(holder: dict[str, Any], name: str) -> list[Any]:
    items = holder.get(name)
    if items is None:
        return []
    if type(items) is not list:
        raise Wrong("expected a list").under(name)
    found: list[Any] = items
    return found


def text_of(holder: dict[str, Any], name: str) -> str:
    text = holder.get(name)
    if text is None:
        return ""
    if type(text) is not str:
        raise Wrong("expected a string").under(name)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a \ud83d\ude00 pair is valid JSON, but no text
            raise Wrong("the string holds half of a surrogate pair").under(name) from None
    return text


def integer_of(holder: dict[str, Any], name: str, limits: tuple[int, int]) -> int:
    written = holder.get(name)
    if written is None:
        return 0
    if not isinstance(written, str) or not (match := _INTEGER.fullmatch(written)):
        raise Wrong("expected an integer, as a number or a string").under(name)
    value = int(match[1])
    if not limits[0] <= value <= limits[1]:
        raise Wrong(f"expected an integer from {limits[0]} to {limits[1]}").under(name)
    return value


def id_of(holder: dict[str, Any], name: str, digits: int) -> str:
    """A trace or span id in lower case; another length, other characters and all zero are absent."""
    text = text_of(holder, name).lower()
    if len(text) != digits or text.strip("0123456789abcdef") or not text.strip("0"):
        return ""
    return text


def pairs_of(holder: dict[str, Any], name: str, depth: int) -> dict[str, Value]:
    pairs: dict[str, Value] = {}
    for n, item in enumerate(list_of(holder, name)):
        try:
            pair = object_of(item)
            pairs[text_of(pair, "key")] = at("value", value_of, pair.get("value"), depth)
        except Wrong as wrong:
            wrong.under(f"{name}[{n}]")
            raise
    return pairs


def value_of(item: Any, depth: int) -> Value:
    """Any AnyValue; `depth` counts the values around it and itself."""
    if item is None:
        return None
    if depth > DEEPEST:
        raise Wrong(f"more than {DEEPEST} values inside one another")
    kinds = [kind for kind, held in object_of(item).items() if kind in _KINDS and held is not None]
    if not kinds:
        return None
    if len(kinds) > 1:
        raise Wrong(f"expected one kind of value, found {' and '.join(kinds)}")
    return _KINDS[kinds[0]](item, kinds[0], depth)


def _array(holder: dict[str, Any], name: str, depth: int) -> Value:
    items = at(name, list_of, child_of(holder, name), "values")
    return [at(f"{name}.values[{n}]", _element, item, depth + 1) for n, item in enumerate(items)]


def _element(item: Any, depth: int) -> Value:
    return value_of(object_of(item), depth)  # null stands for a field's default, not for a member of a list


def _kvlist(holder: dict[str, Any], name: str, depth: int) -> Value:
    return at(name, pairs_of, child_of(holder, name), "values", depth + 1)


def _string(holder: dict[str, Any], name: str, _: int) -> Value:
    return text_of(holder, name)


def _int64(holder: dict[str, Any], name: str, _: int) -> Value:
    return integer_of(holder, name, INT64)


def _bool(holder: dict[str, Any], name: str, _: int) -> Value:
    value = holder[name]
    if value is True or value is False:
        return bool(value)
    raise Wrong("expected true or false").under(name)


def _double(holder: dict[str, Any], name: str, _: int) -> Value:
    text = holder[name]
    if not isinstance(text, str) or not _DOUBLE.fullmatch(text):
        raise Wrong('expected a number, or "NaN", "Infinity", "-Infinity"').under(name)
    value = float(text)
    if isinf(value) and not text.endswith("Infinity"):
        raise Wrong("the number is beyond the range of a double").under(name)
    return value


def _bytes(holder: dict[str, Any], name: str, _: int) -> Value:
    text = text_of(holder, name).rstrip("=").translate(_URL_SAFE)  # proto3 JSON: either alphabet, padded or not
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise Wrong("expected base64").under(name) from None


_KINDS: dict[str, Callable[[dict[str, Any], str, int], Value]] = {
    "stringValue": _string,
    "intValue": _int64,
    "boolValue": _bool,
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _kvlist,
    "bytesValue": _bytes,
}
