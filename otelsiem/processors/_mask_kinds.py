"""What is found within texts: kinds of secrets that everybody knows, and the patterns of a user.

Guarantees: pieces come in their order and never overlap; the kinds need time in proportion to the text, whatever is in
it: each repetition is bounded, or begins where the one before cannot have begun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["bearer", "card", "email", "iban", "jwt", "private_key", "url_password"]
Piece: TypeAlias = tuple[int, int]


def _whole(found: re.Match[str]) -> Iterator[Piece]:
    yield found.span()


def _group(found: re.Match[str]) -> Iterator[Piece]:
    yield found.span(1)


@dataclass(frozen=True, slots=True)
class Look:
    """How one kind is found: a cheap sign that it may be there, a pattern, and what of a match is meant.

    A pattern begins with a character, not with what stands before it: so the search leaps from one to the next.
    """

    said: str
    sign: str
    pattern: re.Pattern[str]
    pieces: Callable[[re.Match[str]], Iterator[Piece]] = _whole


def _cards(found: re.Match[str]) -> Iterator[Piece]:
    """Neighbouring groups of digits that are together a number with a right check digit: others may stand beside it."""
    text = found[0]
    groups = [one.span() for one in re.finditer("[0-9]+", text)]
    at = 0
    while at < len(groups):
        sizes = accumulate(end - start for start, end in groups[at : at + 7])
        ends = [at + n for n, size in enumerate(sizes) if 13 <= size <= 19]
        start = groups[at][0]
        last = next((n for n in reversed(ends) if _luhn(text[start : groups[n][1]])), None)
        if last is not None:
            yield found.start() + start, found.start() + groups[last][1]
        at = at + 1 if last is None else last + 1


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1, the check digit. All zeros pass, and are no card."""
    digits = [int(one) for one in text if one not in " -"]
    doubled = [sum(divmod(one * 2, 10)) for one in digits[-2::-2]]
    return any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _ibans(found: re.Match[str]) -> Iterator[Piece]:
    """From its beginning to the last end of a group at which the check digits are right: words may follow."""
    text = found[0]
    for end in (len(text), *reversed([blank.start() for blank in re.finditer(" ", text)])):
        plain = text[:end].replace(" ", "")
        if 15 <= len(plain) <= 34 and int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1:
            yield found.start(), found.start() + end
            return


_PEM = "[A-Z ]{0,24}PRIVATE KEY-----"

KINDS: Mapping[Kind, Look] = MappingProxyType(
    {
        "bearer": Look(
            "the token after `Bearer` or `Basic`",
            " ",
            re.compile(r"\b(?:bearer|basic) ([\w.~+/=-]{8,})", re.IGNORECASE | re.ASCII),
            _group,
        ),
        "card": Look(
            "the number of a payment card with a right check digit",
            "",
            re.compile(r"[0-9](?<![\w.-][0-9])(?=(?:[ -]?[0-9]){12})[0-9]{2,}(?:[ -][0-9]{3,})*(?![\w-])", re.ASCII),
            _cards,
        ),
        "email": Look(
            "an e-mail address",
            "@",
            re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}", re.IGNORECASE),
        ),
        "iban": Look(
            "the number of a bank account with right check digits",
            "",
            re.compile(r"[A-Z](?<!\w[A-Z])[A-Z][0-9]{2}(?: ?[A-Z0-9]){11,40}", re.ASCII),
            _ibans,
        ),
        "jwt": Look(
            "a JSON web token",
            "eyJ",
            re.compile(r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.[\w-]{8,}\.[\w-]*", re.ASCII),
        ),
        "private_key": Look(
            "a private key in PEM, to its end",
            "PRIVATE KEY-----",
            re.compile(rf"-----BEGIN {_PEM}.*?(?:-----END {_PEM}|\Z)", re.DOTALL),
        ),
        "url_password": Look(
            "the password within a URL",
            "://",
            re.compile(r"(?<=://)[^\s/?#@:]{0,256}:([^\s/?#@]{1,256})(?=@)"),
            _group,
        ),
    }
)


class Finder:
    """Where in a text there is something of these kinds and patterns."""

    def __init__(self, kinds: Sequence[Kind], patterns: Sequence[str]) -> None:
        self._kinds = [KINDS[kind] for kind in kinds]
        self._looks = [*self._kinds, *[Look("", "", re.compile(pattern)) for pattern in patterns]]

    def perhaps(self, texts: list[str]) -> bool:
        """False: in none of them is anything. One look at all of them: no kind reaches from one into the next."""
        if len(self._looks) > len(self._kinds):
            return True  # a user's pattern may ask where a text begins
        joined = "\0".join(texts)
        return any(look.sign in joined and look.pattern.search(joined) is not None for look in self._kinds)

    def __call__(self, text: str) -> list[Piece]:
        """In order, without overlaps."""
        pieces: list[Piece] = []
        for look in self._looks:
            if look.sign in text:
                for found in look.pattern.finditer(text):
                    pieces += look.pieces(found)
        return _merged(pieces) if pieces else pieces


def _merged(pieces: list[Piece]) -> list[Piece]:
    made: list[Piece] = []
    for start, end in sorted(pieces):
        if made and start < made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        elif start < end:
            made.append((start, end))
    return made
