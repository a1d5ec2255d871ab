"""QRadar's Log Event Extended Format: one line per record, without a syslog header.

LEEF has no escape for anything (contract 2), so what would end a value is shown as text: `^` as `\\x5e`, a line end as
`\\n`. Guarantees: a strict reader finds each key once with the value that the record says, no key that a value made up,
and predefined keys with values of their types; what QRadar splits off first stands last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

from otelsiem.formats import _leef_keys
from otelsiem.formats._keys import Key, taken
from otelsiem.formats._pairs.group import Dialect, Slots, own
from otelsiem.formats._pairs.limit import LEAST
from otelsiem.formats._pairs.lines import written
from otelsiem.formats._pairs.lists import Language, slot
from otelsiem.formats._pairs.plan import plan
from otelsiem.formats._pairs.shape import Arrangements
from otelsiem.formats.layout import Layouts
from otelsiem.formats.speaker import NOBODY, Product, Speaker
from otelsiem.formats.visible import SIGNS, sign
from otelsiem.model.destination import Moment
from otelsiem.model.event import known
from otelsiem.model.record import Batch
from otelsiem.model.severity import scale

DELIMITERS = "^~!#$%&*;<>?@`\t"  # none is part of a key, a number, an address or a shown character
NOBODY_SAID = "otelsiem"
NO_VERSION = "0"
NO_EVENT = "event"
NO_CATEGORY = "Audit"  # of events that are in no table: with the EventID the category is what QRadar knows an event by
_MOST = 255

_IN_FIELDS = dict.fromkeys([*SIGNS, ord("|"), ord("\\")], "_")  # some readers take \| for a pipe in the field


@dataclass(frozen=True, slots=True)
class Style:
    """How LEEF is written."""

    product: Product = NOBODY
    version: Literal["1.0", "2.0"] = "2.0"
    delimiter: str = "^"  # survives syslog relays, which the tab does not; 1.0 knows only the tab
    limit: int = 0  # bytes of one line, 0 = none; what must go is cut from the end, and the line says so

    def __post_init__(self) -> None:
        if self.version not in ("1.0", "2.0"):
            raise ValueError(f"version {self.version} is none of LEEF; write 1.0 or 2.0")
        if len(self.delimiter) != 1 or self.delimiter not in DELIMITERS:
            raise ValueError(f"{self.delimiter!r} cannot be the delimiter; write a tab or one of {DELIMITERS[:-1]}")
        if 0 < self.limit < LEAST:
            raise ValueError(f"a line of {self.limit} bytes has no room for header and ids; at least {LEAST}")


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One line per record."""
    delimiter = "\t" if style.version == "1.0" else style.delimiter
    return written(batch, at, style.product, style.limit, _dialect(style.version, delimiter))


def field(value: str) -> str:
    """A header field."""
    return value[:_MOST].translate(_IN_FIELDS).strip()


def shown(delimiter: str) -> Callable[[str], str]:
    """How a value is shown. A backslash at its end would make some readers take the delimiter for a part of it."""
    table = {**SIGNS, ord(delimiter): sign(delimiter)}

    def show(value: str) -> str:
        made = value.translate(table)
        return f"{made[:-1]}{sign(chr(92))}" if made.endswith("\\") else made

    return show


@lru_cache(maxsize=len(DELIMITERS) + 1)
def _dialect(version: str, delimiter: str) -> Dialect:
    show = shown(delimiter)
    keys = (_leef_keys.FIRST, _leef_keys.SECOND, _leef_keys.MESSAGE, _leef_keys.ATTRIBUTES, _leef_keys.RESOURCE)
    written_to = [key.name for block in keys for candidates in block.values() for key in candidates]

    plain = bytes([point for point in range(0x20, 0x7F) if chr(point) not in ("\\", delimiter)])

    def calm(values: str) -> bool:
        if values.isascii():
            return not values.encode().translate(None, plain)
        return values.isprintable() and delimiter not in values and "\\" not in values

    def carried(key: Key, value: Any) -> str | None:
        text = taken(key, value)
        return text if text is None or type(value) is str else text.replace(delimiter, in_json_text)

    in_json_text = f"\\u{ord(delimiter):04x}"  # no delimiter is part of JSON outside its texts
    language = Language(
        *keys,
        time="devTime",
        prefix="",
        predefined=frozenset([name.lower() for name in (*_leef_keys.PREDEFINED, *written_to)]),
        between=delimiter,
        show=show,
        escape=show,
        taken=carried,
        calm=calm,
    )
    header = partial(_header, version, "" if version == "1.0" else f"{'0x09' if delimiter == chr(9) else delimiter}|")
    plans = Layouts(256, partial(plan, language))
    return Dialect(
        language,
        header,
        _unsaid,
        partial(_first, language),
        partial(_last, language),
        plans,
        Arrangements(language),
        OrderedDict(),
    )


def _header(version: str, delimiter: str, said: Speaker, event: str, _severity: int, room: int) -> str:
    fields = [
        field(said.vendor) or NOBODY_SAID,
        field(said.product) or NOBODY_SAID,
        field(said.version) or NO_VERSION,
        event_id(event),
    ]
    if room:
        fields = [value.encode()[:room].decode("utf-8", "ignore") for value in fields]
    return f"LEEF:{version}|{'|'.join(fields)}|{delimiter}"


def event_id(event: str) -> str:
    """The same for every event of a kind: QRadar maps it, it does not translate it."""
    row = known(event)
    return field(row.name if row else event) or NO_EVENT


def _unsaid(said: Speaker) -> Mapping[str, str]:
    named = zip(("vendor", "product", "version"), said, strict=False)
    return {name: value for name, value in named if value and field(value) != value}


def _first(language: Language, event: str, severity: int) -> Slots:
    row = known(event)
    category = row.category if row else NO_CATEGORY
    return [
        slot(language, Key("sev", "integer"), scale(severity).leef),
        slot(language, Key("cat"), category or NO_CATEGORY),
    ]


def _last(language: Language, event: str, severity: int, attacked: bool) -> Slots:
    slots = [own(language, "severity_number", severity)]
    if event and event != event_id(event):
        slots.append(own(language, "event_type", event))
    row = known(event)
    if row and row.technique and not attacked:
        slots.append(own(language, "mitre_attack.technique", row.technique.technique))
        slots.append(own(language, "mitre_attack.technique_name", row.technique.technique_name))
    return slots
