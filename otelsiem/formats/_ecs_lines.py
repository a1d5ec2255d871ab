"""ECS lines of records whose shape has a plan: one text each, without building objects.

Guarantees: the line says what the document of the general way says; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import astuple

from otelsiem.formats._ecs_document import nanoseconds
from otelsiem.formats._ecs_fields import VERSION
from otelsiem.formats._ecs_group import Common
from otelsiem.formats._ecs_layout import Plan
from otelsiem.formats._ecs_tree import Tree
from otelsiem.formats._ecs_words import UNKNOWN, threat, words_of
from otelsiem.formats._line import clean, escaped, json, members
from otelsiem.formats.address import kind
from otelsiem.formats.json import until_the_second
from otelsiem.formats.vocabulary import OUTCOMES
from otelsiem.model import event as events
from otelsiem.model.record import Record
from otelsiem.model.severity import scale

Write: TypeAlias = Callable[[Record], bytes | None]

LONGEST = 1 << 63  # the first whole number that is no `long`
INLINE = ("ecs", "log")  # field sets of a group that each record completes


class Texts:
    """What the lines of a group have in common, and what few values make of them, as members of objects."""

    def __init__(self, common: Common) -> None:
        self.log = common.sets.get("log", {})
        self.sets = members({name: value for name, value in common.sets.items() if name not in INLINE})
        self.labels, self.dataset = members(common.labels), common.dataset
        self.hosts, self.ips = common.hosts, common.ips
        self.place = self.beside([])
        self.seconds = _Seconds()
        self.levels = [members({"log": log} if (log := self._log(number)) else {}) for number in range(25)]
        self.words: dict[tuple[str, Any, Any], tuple[str, str]] = {}
        self.owns: dict[tuple[str, int], str] = {}

    def _log(self, number: int) -> Tree:
        return {**self.log, "level": scale(number).ecs} if number else self.log

    def word(self, event: str, ended: str | None, decision: str | None) -> tuple[str, str]:
        """What an event's name, an outcome and a decision say: in `event`, and beside it."""
        known = events.known(event) or UNKNOWN
        words = words_of(event, decision, known)._asdict()
        said = {"code": event, "dataset": self.dataset, **words, "outcome": ended or words["outcome"]}
        tree: Tree = {}
        threat(tree, {}, None, known)
        found = members({name: value for name, value in said.items() if value}), members(tree)
        self.words[event, ended, decision] = found
        return found

    def own(self, word: str, flags: int) -> str:
        """The labels of the sender's level and the trace flags."""
        said = {"severity_text": word, "trace_flags": str(flags) if flags else ""}
        found = self.owns[word, flags] = members({name: value for name, value in said.items() if value})
        return found

    def beside(self, addresses: list[Any]) -> str:
        """The addresses and names of `related`, with those of the group's own host."""
        ips = [*[address for address in addresses if kind(address) == "ip"], *self.ips]
        hosts = [*self.hosts, *[address for address in addresses if kind(address) == "name"]]
        found = {"ip": list(dict.fromkeys(ips)), "hosts": list(dict.fromkeys(hosts))}
        return members({name: values for name, values in found.items() if values})

    def addressed(self, addresses: list[Any]) -> tuple[str, str, str]:
        """Of two addresses, or of one in a group with more: what each is, and what `related` says."""
        kinds = [_or_domain(address) for address in addresses]
        return kinds[0], kinds[1] if len(kinds) > 1 else "", self.beside(addresses)


def _or_domain(address: str) -> str:
    """An address again where its type has a field."""
    found = kind(address)
    return "" if not found else f',"ip":"{address}"' if found == "ip" else f',"domain":"{address}"'


def planned(plan: Plan, more: tuple[Any, ...], common: Texts) -> Write:
    """A writer for records of one plan in one group; what is the same for all of them waits in the closure."""
    pick, constants, texts, _, action_at, pick_words, careful, longs, extras, addresses, users = plan
    seconds, levels, sets, labels_, place = common.seconds, common.levels, common.sets, common.labels, common.place
    words_known, word_of, owns, own, join = common.words.get, common.word, common.owns.get, common.own, "".join
    join_names = '","'.join
    address_at = addresses[0] if len(addresses) == 1 and not common.ips else None

    def write(record: Record) -> bytes | None:
        id_, time, observed, number, word, event, body, attributes, trace, span, flags = astuple(record)
        values = attributes.values()
        row = [*values, *more]
        ended, decision = pick_words(row)
        moment = time or observed
        if (
            not (all(values) or "" not in values)
            or moment < 1_000_000_000
            or not id_
            or (type(body) is not str and body is not None)
            or not 0 <= number <= 24
            or (ended is not None and ended not in OUTCOMES)
            or (careful and not all(holds(row[n]) for n, holds in careful))
        ):
            return None
        for n in longs:
            if not -LONGEST <= row[n] < LONGEST:
                return None
        raw = row
        if not clean((id_, body or "", trace, span, *texts(row))):
            id_, body, trace, span, *row = escaped((id_, body, trace, span, *row))
        if address_at is not None and kind(address := raw[address_at]) == "ip":
            row += (f',"ip":"{address}"', "")
            related = f',"ip":["{address}"]{place}'
        elif addresses:
            first, second, related = common.addressed([raw[n] for n in addresses])
            row += (first, second)
        else:
            row += ("", "")
            related = place
        row += [make(raw[n]) for n, make in extras]
        row += constants
        words, beside = words_known((event, ended, decision)) or word_of(event, ended, decision)
        ns = str(moment)
        day = f"{seconds[ns[:-9]]}{ns[-9:]}Z"
        if observed == time:
            created = f',"created":"{day}"'
        elif observed and time:
            created = f',"created":"{nanoseconds(str(observed))}"'
        else:
            created = ""
        if action := row[action_at]:
            words = f'{words},"action":"{action}"'
        elif event:
            words = f'{words},"action":{json(event)}'
        if named := users(row):
            if len(named) == 2 and named[0] != named[1]:
                related = f',"user":["{named[0]}","{named[1]}"]{related}'
            else:
                related = f',"user":["{join_names(dict.fromkeys(named))}"]{related}'
        if related:
            beside = f'{beside},"related":{{{related[1:]}}}'
        if trace and span:
            beside = f',"trace":{{"id":"{trace}"}},"span":{{"id":"{span}"}}{beside}'
        elif trace or span:
            one = "trace" if trace else "span"
            beside = f',"{one}":{{"id":"{trace or span}"}}{beside}'
        message = f',"message":"{body}"' if body else ""
        return (
            f'{{"@timestamp":"{day}"{message},"ecs":{{"version":"{VERSION}"}},"event":{{"id":"{id_}","severity":{number}'
            f"{words}{created}{join(pick(row))}"
            f'"time_unix_nano":"{ns}"{owns((word, flags)) or own(word, flags)}{labels_}}}'
            f"{levels[number]}{beside}{sets}}}"
        ).encode()

    return write


class _Seconds(dict[str, str]):
    """The seconds of a batch repeat, so each is formatted once."""

    def __missing__(self, second: str) -> str:
        day = self[second] = until_the_second(second)
        return day
