"""Messages longer than their receiver takes: cut here, where it can be said, instead of there, where it cannot.

rsyslog splits the excess off into records without a header, syslog-ng closes the connection (contract 6). Guarantees:
the result is within the limit, valid UTF-8, ends no value inside an escape, and says in `truncated` what was cut. The
message goes first, but for its beginning, then the longest values; id, tenant, agent, correlation and hash go last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from otelsiem.formats.structured import CORE, Element, Params, escape, written
from otelsiem.formats.visible import visible

LEAST = 1024  # bytes: a header (503 at most) and the shortest form of the core fit

_SAID = 200  # bytes of the message that values must leave room for
_STEPS = (1024, 512, 256, 128, 64)  # bytes of a value
_SHORTEST = 32  # of the core, when nothing else is left
_TORN = re.compile(r"\\(?:x[0-9a-f]?|u(?:\{[0-9a-f]{0,6})?)?$")  # the beginning of a visible escape


def curtailed(head: str, elements: Sequence[Element], message: str, limit: int, bom: bytes = b"") -> bytes:
    """Header, structured data and message within the limit. The first element is the one that says so."""
    first, *others = [Element(e.id, [(name, value[:limit]) for name, value in e.params]) for e in elements]
    shown = visible(message[:limit])
    least = min(_SAID, len(shown.encode()))
    for step in (None, *_STEPS):
        data = _data(head, first, others, step, "message" if step is None else "message,data")
        room = limit - len(data) - 1 - len(bom)
        if room >= least:
            return _joined(data, bom, cut(shown, room))
    data = _data(head, _few(head, first, limit - least - len(bom)), (), None, "message,data")
    return _joined(data, bom, cut(shown, limit - len(data) - 1 - len(bom)))


def _joined(data: bytes, bom: bytes, message: bytes) -> bytes:
    return data + b" " + bom + message if message else data


def _data(head: str, first: Element, others: Sequence[Element], step: int | None, what: str) -> bytes:
    params = _shortened(first.params, step, CORE)
    said = Element(first.id, [*params, ("truncated", what)])
    rest = [Element(e.id, _shortened(e.params, step, frozenset())) for e in others]
    return (head + "".join(map(written, (said, *rest)))).encode()


def _shortened(params: Params, step: int | None, kept: frozenset[str]) -> Params:
    """The core may be four times as long as the rest."""
    if step is None:
        return params
    return [(name, short(value, 4 * step if name in kept else step)) for name, value in params]


def _few(head: str, first: Element, limit: int) -> Element:
    """So many parameters that no shortening helps: the core, and of the others the first ones that fit."""
    params = [(name, short(value, _SHORTEST)) for name, value in first.params]
    size = len(head.encode()) + len(first.id) + 32  # brackets, blanks, `truncated`
    left = limit - size - sum([_size(name, value) for name, value in params if name in CORE])
    kept: Params = []
    for name, value in params:
        if name not in CORE:
            left -= _size(name, value)
            if left < 0:
                continue
        kept.append((name, value))
    return Element(first.id, kept)


def _size(name: str, value: str) -> int:
    return len(name) + 4 + len(escape(value).encode())


def short(value: str, room: int) -> str:
    """The value, visible, so that its escaped form has at most `room` bytes."""
    shown = visible(value[: room + 1])
    if len(value) <= room and len(escape(shown).encode()) <= room:
        return shown
    while (size := len(escape(shown).encode())) > room:
        shown = shown[: max(min(len(shown) - 1, len(shown) * room // size), 0)]
    return _TORN.sub("", shown)


def cut(text: str, room: int) -> bytes:
    """The beginning of a text that fits, in UTF-8."""
    whole = text.encode()
    if len(whole) <= room:
        return whole
    return _TORN.sub("", whole[: max(room, 0)].decode("utf-8", "ignore")).encode()
