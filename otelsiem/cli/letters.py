"""Where dead letters are: behind the admin API of the running gateway, else in the journal itself.

Guarantees: while a gateway runs, nothing but the gateway writes to its journal; a journal that does not exist is not
made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from otelsiem.cli import client
from otelsiem.cli.exits import CommandError
from otelsiem.config.model import Config
from otelsiem.journal.journal import Journal

PAGE = 500


class Letters(Protocol):
    """What the commands need."""

    def dead_letters(self, exporter: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], bool]: ...
    def replay(self, exporter: str, positions: Sequence[int] | None) -> int: ...
    def purge(self, exporter: str, positions: Sequence[int] | None) -> int: ...


class Kept:
    """The letters of a journal that nobody else has open, in the shapes of the admin API."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def dead_letters(self, exporter: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], bool]:
        from otelsiem.admin import render

        found = self._journal.dead_letters(exporter, limit=limit + 1, offset=offset)
        return [render.dead_letter(letter) for letter in found[:limit]], len(found) > limit

    def replay(self, exporter: str, positions: Sequence[int] | None) -> int:
        return self._journal.replay(exporter, positions)

    def purge(self, exporter: str, positions: Sequence[int] | None) -> int:
        return self._journal.purge(exporter, positions)


@contextmanager
def letters(config: Config) -> Iterator[Letters]:
    """The dead letters of this configuration's gateway, running or not."""
    settings = config.service.journal
    if not _runs(config):
        if settings.type != "sqlite":
            raise CommandError("no gateway is running, and a journal in memory ends with its gateway")
        if not settings.directory.is_dir() or not any(settings.directory.iterdir()):
            raise CommandError(f"there is no journal in {settings.directory}; which --config does the gateway use?")
        from otelsiem.config.assemble import journal_opener

        journal = journal_opener(settings)()
        try:
            yield Kept(journal)
        finally:
            journal.close()
        return
    with client.gateway(config) as gateway:
        yield gateway


def _runs(config: Config) -> bool:
    try:
        with client.gateway(config) as gateway:
            gateway.dead_letters("", 1, 0)
    except client.AbsentError:
        return False
    return True


def find(source: Letters, exporter: str, position: int) -> dict[str, Any]:
    """The one letter; the API has no question for it, so the pages are read until it is there."""
    offset = 0
    while True:
        page, more = source.dead_letters(exporter, PAGE, offset)
        for letter in page:
            if letter.get("position") == position:
                return letter
        if not more or not page:
            raise CommandError(f"{exporter} has no dead letter at position {position}")
        offset += len(page)
