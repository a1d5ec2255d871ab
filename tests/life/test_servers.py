"""Servers that fork: what was answered durably arrives whatever ends, the rest when the end is in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otelsiem.testing.hec import FakeHec
from tests.life.serving import Site, arrived, copies, gunicorn, once_each, uwsgi, wait_for
from tests.program import eventually

pytestmark = pytest.mark.timeout(90)

UVICORN = "uvicorn_worker.UvicornWorker"


@pytest.fixture
def hec() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


@pytest.mark.parametrize(
    ("server", "options"),
    [
        # Its workers look after their master every half of the timeout.
        pytest.param(gunicorn, ("-k", "sync", "--timeout", "6"), id="gunicorn-sync"),
        pytest.param(gunicorn, ("-k", "gthread", "--threads", "4"), id="gunicorn-gthread"),
        pytest.param(gunicorn, ("-k", UVICORN), id="gunicorn-uvicorn"),
        pytest.param(gunicorn, ("-k", "gevent"), id="gunicorn-gevent"),
    ],
)
def test_p1_every_durable_event_arrives_whatever_is_killed(
    hec: FakeHec, tmp_path: Path, server: Any, options: tuple[str, ...]
) -> None:
    with Site(hec, tmp_path).start(server, *options) as site:
        site.ask(6)
        told = site.each("/threads")
        first, second = told
        site.end(first, signal.SIGKILL)
        site.ask(2)
        site.end(second, signal.SIGTERM if server is gunicorn else signal.SIGINT)  # to uWSGI, SIGTERM is a reload
        site.ask(2)
        site.each("/threads")
        before = set(site.workers())
        site.program.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(site.workers()) == 2 and not before & set(site.workers()), 60, "all are new")
        site.ask(2)
        wait_for(hec, site.kept)
        hec.down()
        site.ask(3)
        site.kill(workers="sync" not in options)  # uvicorn's would stay
    hec.up()
    dead = site.kept | site.fired
    with Site(hec, tmp_path, word="again-").start(server, *options) as again:
        again.ask(2)
        told |= again.each("/threads")
        wait_for(hec, site.kept | again.kept | again.fired)
        again.terminate()
    for pid, one in told.items():
        assert once_each(one["threads"]), (pid, one["threads"])
    found = arrived(hec)
    assert found.keys() <= dead | again.kept | again.fired, "nothing was made up"
    assert {name: ids for name, ids in found.items() if len(ids) != 1} == {}, "a copy has the id of the first"
    assert {copies(hec)[name] for name in again.kept | again.fired} == {1}, "nobody died: no copies"


@pytest.mark.parametrize(
    ("server", "options", "env"),
    [
        pytest.param(gunicorn, ("-k", "gthread", "--threads", "4"), {}, id="gunicorn-gthread"),
        pytest.param(gunicorn, ("-k", "gevent"), {}, id="gunicorn-gevent"),
        pytest.param(gunicorn, ("-k", UVICORN), {"LIFE_LIFESPAN": "1"}, id="gunicorn-uvicorn-lifespan"),
        pytest.param(gunicorn, ("-k", UVICORN), {"LIFE_SIGTERM": "1"}, id="gunicorn-uvicorn-sigterm"),
    ],
)
def test_without_a_journal_an_end_in_order_delivers_everything(
    hec: FakeHec, tmp_path: Path, server: Any, options: tuple[str, ...], env: dict[str, str]
) -> None:
    with Site(hec, tmp_path, journal=False, **env).start(server, *options) as site:
        for n in range(20):
            site.get(f"/audit?name=f{n}")
        if server is uwsgi:
            time.sleep(0.5)  # a worker that is still busy with its last answer runs no exit functions
        site.terminate()
    assert copies(hec) == {f"f{n}": 1 for n in range(20)}
    if server is uwsgi:
        assert ("runs without --enable-threads" in site.program.tail(200)) == (not options)


@pytest.mark.parametrize(
    ("server", "options", "delivers"),
    [
        pytest.param(gunicorn, ("--preload",), "master", id="gunicorn-sync"),
        pytest.param(gunicorn, ("--preload", "-k", "gevent"), "master", id="gunicorn-gevent"),
        pytest.param(gunicorn, ("--preload", "-k", UVICORN), "master", id="gunicorn-uvicorn"),
    ],
)
def test_what_is_audited_before_the_fork_arrives_once_and_each_worker_has_its_own(
    hec: FakeHec, tmp_path: Path, server: Any, options: tuple[str, ...], delivers: str
) -> None:
    with Site(hec, tmp_path, LIFE_AT_IMPORT="import").start(server, *options) as site:
        site.ask(6)
        wrote = len(site.pids)
        told = site.each("/threads")
        imported = f"import-{site.program.process.pid}"
        wait_for(hec, {imported} | site.kept | site.fired)
        journals = len(list((tmp_path / "journal").glob("p-*")))
        site.terminate(8)  # less than it takes when nobody hears of the end of our threads
    assert set(copies(hec).values()) == {1}
    assert copies(hec).keys() == {imported} | site.kept | site.fired
    assert all(once_each(one["threads"]) for one in told.values())
    # A journal for each process that writes. uWSGI's first worker does, with what it inherits, asked or not.
    assert journals in ({wrote + 1} if delivers == "master" else {wrote, wrote + 1})


@pytest.mark.parametrize("kind", ["sync", UVICORN])
def test_workers_that_are_recycled_leave_nothing_behind(hec: FakeHec, tmp_path: Path, kind: str) -> None:
    """`max_requests`: a worker ends in order after a few requests, over and over."""
    with Site(hec, tmp_path).start(gunicorn, "-k", kind, "--max-requests", "6") as site:
        site.ask(6)
        while len(site.pids) < 3:  # the test has a deadline
            site.ask(1)
        site.terminate()
    if kind == UVICORN:  # what it wrote in its last moments is on disk, and goes in the next life
        with Site(hec, tmp_path).start(gunicorn, "-k", "sync") as again:
            again.get("/durable?name=again")
            wait_for(hec, site.kept | site.fired)
    assert {copies(hec)[name] for name in site.kept | site.fired} == {1}


@pytest.mark.parametrize("options", [("-k", "gthread"), ("-k", "sync", "--preload")], ids=["gthread", "preload"])
def test_p1_the_exporter_of_the_sdk_in_workers(hec: FakeHec, tmp_path: Path, options: tuple[str, ...]) -> None:
    journal = str(tmp_path / "sdk-journal")
    with Site(hec, tmp_path, LIFE_SDK=journal).start(gunicorn, *options) as site:
        hec.down()
        site.ask(6, "/emit", "/emit_durably")
        told = site.each("/threads")
        site.end(next(iter(told)), signal.SIGKILL)
        hec.up()
        site.ask(3, "/emit", "/emit_durably")
        wait_for(hec, site.kept)
        last = Site(hec, tmp_path, word="last-")
        last.port, last.program = site.port, site.program
        last.ask(3, "/emit", "/emit_durably")
        site.terminate()
    wait_for(hec, site.kept | last.kept | last.fired)
    assert all(once_each(one["threads"]) for one in told.values())
    assert {name: ids for name, ids in arrived(hec).items() if len(ids) != 1} == {}
    assert {copies(hec)[name] for name in last.kept | last.fired} == {1}
