"""Where the meanings and attributes of a document go, worked out once per shape.

Guarantees: the answer is that of `arrange` for these values; at most `MOST` answers are kept, none of a record with
more names than people write, because shapes come from senders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from otelsiem.formats._keys import Key
from otelsiem.formats._pairs.lists import Arranged, Language, arrange

MOST, LARGEST = 256, 4096  # answers; characters of one's names

_Candidates: TypeAlias = Mapping[str, tuple[Key, ...]]


class Arrangements:
    """For one language. The sources of its slots are places in what `values` makes of the two."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._meanings = _choosy({**language.first, **language.second, **language.message})
        self._attributes = _choosy(language.attributes)
        self._kept: dict[tuple[Any, ...], Arranged[int]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, said: Mapping[str, Any], attributes: Mapping[str, Any]) -> Arranged[int]:
        """Kept by the names, and by which of their keys take the values."""
        answers = (*self._answers(self._meanings, said), *self._answers(self._attributes, attributes))
        shape = (*said, "", *attributes, *answers)
        if (found := self._kept.get(shape)) is None:
            found = self._arrange(said, attributes, answers)
            if sum(map(len, attributes)) <= LARGEST:
                if len(self._kept) >= MOST:
                    self._kept.clear()
                self._kept[shape] = found
        return found

    def _answers(self, choosy: _Candidates, values: Mapping[str, Any]) -> list[bool]:
        taken = self._language.taken
        return [taken(key, values[name]) is not None for name in values if name in choosy for key in choosy[name]]

    def _arrange(
        self, said: Mapping[str, Any], attributes: Mapping[str, Any], answers: tuple[bool, ...]
    ) -> Arranged[int]:
        asked = [(n, key) for n, name in enumerate(said) for key in self._meanings.get(name, ())]
        asked += [(n, key) for n, name in enumerate(attributes, len(said)) for key in self._attributes.get(name, ())]
        known = dict(zip(asked, answers, strict=True))
        return arrange(
            self._language,
            {name: n for n, name in enumerate(said)},
            {name: n for n, name in enumerate(attributes, len(said))},
            lambda key, place: known.get((place, key), True),
        )


def _choosy(keys: _Candidates) -> _Candidates:
    """Those that do not take every value."""
    return {name: candidates for name, candidates in keys.items() if candidates[0].kind not in ("text", "listed")}
