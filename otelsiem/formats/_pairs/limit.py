"""Lines that are longer than their receiver takes: cut here, where it can be said, instead of there, where it cannot.

Guarantees: the line is within the limit (of LEAST bytes or more) and valid UTF-8; no value ends inside an escape; a
number, an address or an id is whole or absent; `truncated` is in the line. The longest values are cut first, then what
stands last is left out; of the first pairs values are cut only when they have no room by themselves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from otelsiem.formats._pairs.lists import Language, Pair, cut

LEAST = 512  # bytes: header, id and pivots have room in that, each cut to what is left for it
FIELD = 24  # a header field may be so many times shorter than the line
_WORTHWHILE = (48, 96)  # bytes of one of the first pairs, of another: before they are cut shorter, the last ones go


def limited(head: str, first: Sequence[Pair], rest: Sequence[Pair], limit: int, language: Language) -> bytes:
    """The line within the limit; the header is short enough by itself."""
    flag = f"{language.named('truncated')}=true"
    room = limit - len(head.encode()) - len(flag)
    made, room = _fitted(first, room, _WORTHWHILE[0], limit, language)
    more, _ = _fitted(rest, room, _WORTHWHILE[1], limit, language)
    return (head + language.between.join([*made, *more, flag])).encode()


def _fitted(pairs: Sequence[Pair], room: int, worth: int, limit: int, language: Language) -> tuple[list[str], int]:
    """The pairs in `room` bytes, the longest ones cut to one length; and what is left of the room."""
    sizes = [_size(pair, limit, language) for pair in pairs]
    whole = [kept for _, _, kept in pairs]

    def too_many(stop: int) -> bool:
        return _share(sizes[:stop], whole[:stop], room) < min(max(sizes[:stop]), worth)

    stop = bisect_right(range(1, len(pairs) + 1), False, key=too_many)
    most = _share(sizes[:stop], whole[:stop], room)
    made: list[str] = []
    for (start, said, kept), size in zip(pairs[:stop], sizes, strict=False):
        around = len(language.between) + len(start)
        text = language.escape(said[:limit])
        if size > most and not kept:
            text = language.escape(cut(said, most - around, lambda part: language.escape(part).encode()))
        if text and (size := around + len(text.encode())) <= room:
            made.append(start + text)
            room -= size
    return made, room


def _size(pair: Pair, limit: int, language: Language) -> int:
    start, said, _ = pair
    text = language.escape(said[:limit])  # what is longer does not fit anyway
    return len(language.between) + len(start) + len(text.encode())


def _share(sizes: Sequence[int], whole: Sequence[bool], room: int) -> int:
    """The most bytes of a pair so that all together have room; what cannot be cut counts as it is."""
    room -= sum([size for size, kept in zip(sizes, whole, strict=True) if kept])
    cut = sorted([size for size, kept in zip(sizes, whole, strict=True) if not kept])
    for n, size in enumerate(cut):
        if size * (len(cut) - n) > room:
            return room // (len(cut) - n)
        room -= size
    return max(sizes, default=0)
