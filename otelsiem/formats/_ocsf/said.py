"""What a normalised event says, taken piece by piece into an OCSF event; what nobody takes goes under `unmapped`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from otelsiem.formats.json import Event
from otelsiem.formats.values import text

T = TypeVar("T")

_FIELDS = Event.__struct_fields__
FLAT = (*_FIELDS[_FIELDS.index("source") : _FIELDS.index("target")], "constitutional_hash", "correlation_id")


class Said:
    """The flat names of an event and its other attributes, each taken at most once."""

    __slots__ = ("_flat", "_longest", "_rest", "event")

    def __init__(self, event: Event, longest: int | None) -> None:
        self.event = event
        self._flat = {name: value for name in FLAT if (value := getattr(event, name)) is not None}
        for prefix, part in (("target", event.target), ("mitre_attack", event.mitre_attack)):
            if part is not None:
                values = {f"{prefix}.{name}": getattr(part, name) for name in part.__struct_fields__}
                self._flat |= {name: value for name, value in values.items() if value is not None}
        self._rest = dict(event.metadata or {})
        self._longest = longest

    def peek(self, name: str) -> Any:
        """The value of a flat name, left where it is."""
        return self._flat.get(name)

    def word(self, name: str) -> str:
        """A flat name as one text, left where it is; "" when it is none."""
        return self._text(self._flat.get(name)) or ""

    def text(self, name: str) -> str | None:
        """A flat name as one text."""
        return self._taken(self._flat, name, self._text(self._flat.get(name)))

    def value(self, name: str) -> Any:
        """A flat name as it is."""
        return self._flat.pop(name, None)

    def attribute(self, key: str) -> str | None:
        """Another attribute that is a text."""
        value = self._rest.get(key)
        return self._taken(self._rest, key, self._text(value) if type(value) is str else None)

    def whole(self, key: str, low: int, high: int) -> int | None:
        """Another attribute that is a whole number in this range."""
        value = self._rest.get(key)
        return self._taken(self._rest, key, value if type(value) is int and low <= value <= high else None)

    def port(self, name: str) -> int | None:
        """A flat name that is a port."""
        value = self._flat.get(name)
        return self._taken(self._flat, name, value if type(value) is int and 0 <= value <= 65_535 else None)

    def number(self, name: str) -> int | None:
        """A flat name that is a whole number, be it written as a float."""
        value = self._flat.get(name)
        whole = int(value) if type(value) is int or (type(value) is float and value.is_integer()) else None
        return self._taken(self._flat, name, whole if whole is not None and abs(whole) < 1 << 63 else None)

    def texts(self, key: str) -> list[str]:
        """Another attribute that is a list of texts."""
        value = self._rest.get(key)
        if not isinstance(value, list) or not value or any(self._text(item) is None for item in value):
            return []
        return [text(item) for item in self._rest.pop(key)]

    def other(self, key: str) -> Any:
        """Another attribute, left where it is."""
        return self._rest.get(key)

    def rest(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What nobody took: of the flat names, and of the others."""
        return self._flat, self._rest

    def _text(self, value: Any) -> str | None:
        if value is None or value == "" or isinstance(value, list | Mapping):
            return None
        made = text(value)
        return made if self._longest is None or len(made) <= self._longest else None

    @staticmethod
    def _taken(store: dict[str, Any], name: str, made: T | None) -> T | None:
        if made is not None:
            del store[name]
        return made
