"""JSON lines of one shape as pieces of text and the places of values between them.

Joining them costs a third of building objects and encoding those. Guarantees: what `escaped` has passed can stand
between quotes in JSON, whatever it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

_encoder = msgspec.json.Encoder()
_ESCAPED = bytes(range(0x20)) + b'"\\'  # RFC 8259 7


class Text(NamedTuple):
    """A hole between quotes, for the text at this place of the row."""

    place: int


class Bare(NamedTuple):
    """A hole without quotes, for JSON that is ready."""

    place: int


class More(NamedTuple):
    """A hole for members that may be none, each with its comma in front. Never first in its object."""

    place: int


Pieces: TypeAlias = "list[str | int]"  # text, and places of the row


def pieces(tree: Mapping[str, Any]) -> Pieces:
    """The members of an object. Values: a hole, an object or a list of more of these, or anything else as it is."""
    made: Pieces = []
    for name, value in tree.items():
        if type(value) is More:
            made.append(value.place)
        else:
            made += [f"{',' if made else ''}{json(name)}:", *_value(value)]
    return made


def _value(value: Any) -> Pieces:
    if type(value) is Text:
        return ['"', value.place, '"']
    if type(value) is Bare:
        return [value.place]
    if type(value) is dict:
        return ["{", *pieces(value), "}"]
    if type(value) is list:
        items = [_value(item) for item in value]
        return ["[", *[piece for n, item in enumerate(items) for piece in ([","] if n else []) + item], "]"]
    return [json(value)]


def places(made: Pieces, first: int) -> tuple[list[str], list[int]]:
    """The texts among the pieces, to stand in a row from place `first` on, and where each piece stands then."""
    texts: list[str] = []
    order: list[int] = []
    after_text = False
    for piece in made:
        if type(piece) is int:
            order.append(piece)
        elif after_text:
            texts[-1] += str(piece)
        else:
            order.append(first + len(texts))
            texts.append(str(piece))
        after_text = type(piece) is str
    return texts, order


def json(value: Any) -> str:
    """Any value as JSON text."""
    return _encoder.encode(value).decode()


def members(values: Mapping[str, Any]) -> str:
    """Members of an object, each with its comma in front."""
    return f",{json(values)[1:-1]}" if values else ""


def clean(texts: Iterable[str]) -> bool:
    """Whether all of them can stand between quotes as they are. Asking of all at once costs 0.4 µs, a regex 1.5."""
    text = "".join(texts).encode()
    return len(text.translate(None, _ESCAPED)) == len(text)


def escaped(row: Sequence[Any]) -> list[Any]:
    """A row whose texts can stand between quotes."""
    return [_encoder.encode(value)[1:-1].decode() if type(value) is str else value for value in row]
