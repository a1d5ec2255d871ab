"""What an unquoted scalar means: the core schema of YAML 1.2, held back where it would mangle a token.

Only `true false null` and their capitalised spellings are special: `yes`, `no`, `on`, `off`, dates and `1:30` are
text, as YAML 1.2 says. Two kinds of numbers of its core schema stay text here, because they are more often the
beginning of an identifier: a decimal with leading zeros (`0123`) and an exponent without a point (`12e4567`). A field
that wants a number still reads them as one.
"""

from __future__ import annotations

import re

from otelsiem.config.tree import Atom

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,39})")
_OCTAL = re.compile(r"0o[0-7]{1,40}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|(?:0|[1-9][0-9]{0,39})\.[0-9]{0,40})(?:[eE][-+]?[0-9]{1,6})?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})


def resolve(text: str) -> Atom:
    """The value of an unquoted scalar. Total: what is nothing else is text."""
    if text in NULLS:
        return None
    if text in TRUTHS:
        return TRUTHS[text]
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INFINITE.fullmatch(text):
        return float(found[1] + "inf")
    return float("nan") if text in _NAN else text
