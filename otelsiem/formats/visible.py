"""Characters that drive terminals, break lines or hide what a text says, shown as what they are (`\\x1b`, `\\u{202e}`).

Records are written by strangers and read by people and by parsers that cut at line ends: nothing in a value may act.
A table for `str.translate` and not a pattern: a megabyte of such characters costs 30 ms, a pattern's calls a second.
"""

from __future__ import annotations

from collections.abc import Mapping

# C0, DEL and C1 controls; line and paragraph separators; marks and overrides of direction (UAX 9); invisible and tag
# characters, with which a text may hide what it says; surrogates, which no line can carry.
_RANGES = (
    (0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F),
    (0x2028, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xD800, 0xDFFF), (0xE0000, 0xE007F),
)  # fmt: skip
HARMFUL = "".join([f"\\U{first:08x}-\\U{last:08x}" for first, last in _RANGES])  # for a pattern: the inside of [...]
_POINTS = tuple([point for first, last in _RANGES for point in range(first, last + 1)])
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def sign(character: str) -> str:
    """How one character is shown."""
    point = ord(character)
    return _SHORT.get(character) or (f"\\x{point:02x}" if point < 0x100 else f"\\u{{{point:x}}}")


def _in_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join([f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4)])


SIGNS: Mapping[int, str] = {point: sign(chr(point)) for point in _POINTS}
_JSON: Mapping[int, str] = {point: _in_json(chr(point)) for point in _POINTS}


def visible(value: str) -> str:
    """The text with every harmful character shown."""
    return value if value.isprintable() else value.translate(SIGNS)


def in_json(value: str) -> str:
    """The same for a JSON text, which stays one: there such a character has an escape of its own."""
    return value if value.isprintable() else value.translate(_JSON)
