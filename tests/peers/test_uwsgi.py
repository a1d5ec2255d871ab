"""The stories of `tests/life` with uWSGI, which forks without telling Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelsiem.testing.hec import FakeHec
from tests.life import test_servers as stories
from tests.life.serving import uwsgi
from tests.peers.artefacts import UWSGI, Artefact

pytestmark = pytest.mark.peer

THREADS = "--enable-threads"


@pytest.fixture
def hec(needs: Callable[[Artefact], None]) -> Iterator[FakeHec]:
    needs(UWSGI)
    with FakeHec() as fake:
        yield fake


def test_p1_every_durable_event_arrives_whatever_is_killed(hec: FakeHec, tmp_path: Path) -> None:
    stories.test_p1_every_durable_event_arrives_whatever_is_killed(hec, tmp_path, uwsgi, (THREADS,))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((THREADS,), id="uwsgi"),
        pytest.param((THREADS, "--lazy-apps"), id="uwsgi-lazy-apps"),
        pytest.param((), id="uwsgi-without-threads"),
    ],
)
def test_without_a_journal_an_end_in_order_delivers_everything(
    hec: FakeHec, tmp_path: Path, options: tuple[str, ...]
) -> None:
    stories.test_without_a_journal_an_end_in_order_delivers_everything(hec, tmp_path, uwsgi, options, {})


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((THREADS,), id="uwsgi"),
        pytest.param((THREADS, "--py-call-uwsgi-fork-hooks"), id="uwsgi-fork-hooks"),
    ],
)
def test_what_is_audited_before_the_fork_arrives_once_and_each_worker_has_its_own(
    hec: FakeHec, tmp_path: Path, options: tuple[str, ...]
) -> None:
    stories.test_what_is_audited_before_the_fork_arrives_once_and_each_worker_has_its_own(
        hec, tmp_path, uwsgi, options, "worker"
    )
