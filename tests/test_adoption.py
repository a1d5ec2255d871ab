"""What a dead process left in the directory of its application: delivered once, to the right place, by a living one."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from otelsiem import adoption
from otelsiem.delivery.policy import Policy
from otelsiem.destinations.file import File
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.destinations.webhook import Webhook
from otelsiem.journal import family, note
from otelsiem.journal.journal import Cursor
from otelsiem.journal.lock import DirectoryLock
from otelsiem.journal.note import Note
from otelsiem.model.destination import Destination
from otelsiem.model.mark import mark
from otelsiem.model.outcome import Death, Receipt
from otelsiem.model.record import Group, Record, Scope
from otelsiem.outbox import PIPELINE, Outbox, Outlet
from otelsiem.testing.hec import FakeHec
from tests.program import eventually

BRISK = Policy(initial=0.02, longest=0.1, probe_interval=0.05)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "FIRST", 0.02)
    monkeypatch.setattr(adoption, "EVERY", 0.05)
    monkeypatch.setattr(adoption, "TICK", 0.02)
    monkeypatch.delenv(adoption.SERVICE, raising=False)


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


def hec(fake: FakeHec, **more: object) -> Outlet:
    return Outlet(SplunkHec.model_validate({"endpoint": fake.url, "token": fake.token, "timeout": "2s", **more}), BRISK)


def batch(*ids: str) -> list[Group]:
    return [Group({}, Scope(), [Record(one, 1_767_225_600_000_000_000 + n, event="x") for n, one in enumerate(ids)])]


def dead(parent: Path, name: str, destination: Destination, *ids: str, service: str = "", told: bool = True) -> Path:
    """A journal as a process leaves it that died with these records undelivered."""
    journal = family.open_journal(parent / f"p-dead{len(list(parent.glob('p-dead*')))}", 64, 0)
    journal.attach(PIPELINE, name)
    if ids:
        Outbox(journal, {}).post(batch(*ids))
    if told:
        note.write(journal.directory, Note(service, {name: mark(destination)}))
    journal.close()
    return journal.directory


def gone(directory: Path) -> bool:
    return not directory.exists()


def test_a_living_process_delivers_what_dead_ones_left_and_removes_it(tmp_path: Path, splunk: FakeHec) -> None:
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    left = [dead(tmp_path, "soc", hec(splunk).destination, f"a{n}", f"b{n}") for n in range(adoption.MOST + 2)]
    eventually(lambda: all(map(gone, left)), 30, "all of them are gone")
    assert splunk.count_by("event_id") == {f"{letter}{n}": 1 for letter in "ab" for n in range(len(left))}
    outbox.close(5)
    assert len(list(tmp_path.iterdir())) == 1, "its own"


def test_a_starting_process_takes_one_as_its_own(tmp_path: Path, splunk: FakeHec) -> None:
    directory = dead(tmp_path, "soc", hec(splunk).destination, "a")
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    outbox.post(batch("b"))
    assert outbox.flush(20)
    assert splunk.count_by("event_id") == {"a": 1, "b": 1}
    outbox.close(5)
    assert list(tmp_path.iterdir()) == [directory]


def test_p3_who_mends_the_settings_and_restarts_gets_what_waited(tmp_path: Path, splunk: FakeHec) -> None:
    wrong = Outlet(SplunkHec.model_validate({"endpoint": "http://127.0.0.1:9", "token": "wrong"}))
    for id_ in ("a", "b", "c"):
        dead(tmp_path, "soc", wrong.destination, id_)
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    eventually(lambda: splunk.count_by("event_id") == {"a": 1, "b": 1, "c": 1}, 20, "all are there")
    outbox.close(5)


def test_p5_who_delivers_to_another_place_does_not_take_it(
    tmp_path: Path, splunk: FakeHec, caplog: pytest.LogCaptureFixture
) -> None:
    """It lived beside the one that died: these are two exporters, not one whose settings were mended."""
    with FakeHec() as other:
        outbox = adoption.outbox(tmp_path, {"soc": hec(other)})
        directory = dead(tmp_path, "soc", hec(splunk).destination, "a", "b")
        eventually(lambda: "nobody here delivers it" in caplog.text, 20, "it is said")
        outbox.post(batch("mine"))
        assert outbox.flush(20)
        assert other.count_by("event_id") == {"mine": 1}
        outbox.close(5)
    assert family.waiting(directory) == {"soc": 2}
    (said,) = [one for one in caplog.records if one.name == "otelsiem.adoption"]
    assert (said.levelno, "records=2" in said.message) == (logging.ERROR, True)


def test_a_restarted_one_leaves_it_to_a_living_one_with_the_old_settings(tmp_path: Path, splunk: FakeHec) -> None:
    directory = dead(tmp_path, "soc", hec(splunk).destination, "a")
    living = dead(tmp_path, "soc", hec(splunk).destination)
    lock = DirectoryLock(living)
    try:
        with FakeHec() as other:
            outbox = adoption.outbox(tmp_path, {"soc": hec(other)})
            outbox.post(batch("mine"))
            assert outbox.flush(20)
            outbox.close(5)
            assert other.count_by("event_id") == {"mine": 1}
    finally:
        lock.release()
    assert family.waiting(directory) == {"soc": 1}


@pytest.mark.parametrize(
    ("name", "service", "told"), [("other", "shop", True), ("soc", "stock", True), ("other", "", False)]
)
def test_other_names_and_other_services_are_left_alone(
    name: str, service: str, told: bool, tmp_path: Path, splunk: FakeHec, caplog: pytest.LogCaptureFixture
) -> None:
    directory = dead(tmp_path, name, hec(splunk).destination, "a", service=service, told=told)
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)}, service="shop")
    eventually(lambda: "nobody here delivers it" in caplog.text, 20, "it is said")
    outbox.close(5)
    assert splunk.events == []
    assert family.waiting(directory) == {name: 1}


def test_of_a_journal_of_two_exporters_only_ours_is_delivered(tmp_path: Path, splunk: FakeHec) -> None:
    directory = tmp_path / "p-two"
    journal = family.open_journal(directory, 64, 0)
    for name in ("soc", "other"):
        journal.attach(PIPELINE, name)
    Outbox(journal, {}).post(batch("a", "b"))
    journal.close()
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    eventually(lambda: splunk.count_by("event_id") == {"a": 1, "b": 1}, 20, "ours is there")
    eventually(lambda: family.waiting(directory) == {"other": 2}, 20, "it is put back with the other's")
    outbox.close(5)


def test_an_exporter_that_nothing_waits_for_any_more_does_not_stay(tmp_path: Path, splunk: FakeHec) -> None:
    dead(tmp_path, "old", hec(splunk).destination)
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    outbox.post(batch("a"))
    assert [one.exporter for one in outbox.journal.stats().exporters] == ["soc"]
    assert outbox.flush(20)
    outbox.close(5)
    assert len(list(tmp_path.iterdir())) == 1, "its directory serves the new one"


def test_dead_letters_keep_a_journal(tmp_path: Path, splunk: FakeHec) -> None:
    directory = dead(tmp_path, "soc", hec(splunk).destination, "a", "b")
    journal = family.open_journal(directory, 64, 0)
    lease = journal.lease(Cursor(PIPELINE, "soc"), hec(splunk).destination.limits, 1.0)
    assert lease is not None
    journal.settle(lease, Receipt(dead={0: Death("refused", 1)}, released=[1]))
    journal.close()
    lock = DirectoryLock(directory)  # so that it is not taken as the process's own
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    lock.release()
    eventually(lambda: splunk.count_by("event_id") == {"b": 1}, 20, "the other one is there")
    eventually(lambda: not family.waiting(directory) and directory in family.orphans(tmp_path), 20, "it is put back")
    outbox.close(5)
    assert not family.retire(directory)
    kept = family.open_journal(directory, 64, 0)
    assert [letter.reason for letter in kept.dead_letters()] == ["refused"]
    kept.close()


def test_what_is_on_the_way_when_the_process_ends_is_put_back(tmp_path: Path, splunk: FakeHec) -> None:
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    splunk.server.down()
    directory = dead(tmp_path, "soc", hec(splunk).destination, "a", "b")
    eventually(lambda: directory not in family.orphans(tmp_path), 20, "it is adopted")
    outbox.close(1)
    assert directory in family.orphans(tmp_path)
    splunk.server.up()
    again = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    eventually(lambda: splunk.count_by("event_id") == {"a": 1, "b": 1}, 20, "the next life delivers it")
    again.close(5)


def test_one_that_does_not_move_goes_back(tmp_path: Path, splunk: FakeHec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "STUCK", 0.2)
    monkeypatch.setattr(adoption, "CLOSING", 0.2)
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    splunk.server.down()
    directory = dead(tmp_path, "soc", hec(splunk).destination, "a")
    eventually(lambda: directory not in family.orphans(tmp_path), 20, "it is adopted")
    eventually(lambda: directory in family.orphans(tmp_path), 20, "it is put back")
    splunk.server.up()
    eventually(lambda: gone(directory), 20, "it is taken again, and delivered")
    assert splunk.count_by("event_id") == {"a": 1}
    outbox.close(5)


def test_a_paused_exporter_takes_nothing_and_a_removed_one_gives_back(tmp_path: Path, splunk: FakeHec) -> None:
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    outbox.pause("soc")
    directory = dead(tmp_path, "soc", hec(splunk).destination, "a")
    (keeper,) = adoption._keepers.values()
    eventually(lambda: bool(keeper._told), 20, "it was looked at")
    assert family.waiting(directory) == {"soc": 1}
    outbox.resume("soc")
    eventually(lambda: gone(directory), 20, "it is delivered")
    outbox.close(5)


def test_two_outboxes_of_a_process_share_one_thread(tmp_path: Path, splunk: FakeHec) -> None:
    with FakeHec() as other:
        first = adoption.outbox(tmp_path, {"soc": hec(splunk)})
        second = adoption.outbox(tmp_path, {"lake": hec(other)})
        assert len(adoption._keepers) == 1
        left = [
            dead(tmp_path, "soc", hec(splunk).destination, "a"),
            dead(tmp_path, "lake", hec(other).destination, "b"),
        ]
        eventually(lambda: all(map(gone, left)), 20, "both are delivered")
        first.close(5)
        later = dead(tmp_path, "lake", hec(other).destination, "c")
        eventually(lambda: gone(later), 20, "the thread is still there")
        second.close(5)
        assert (splunk.count_by("event_id"), other.count_by("event_id")) == ({"a": 1}, {"b": 1, "c": 1})
    assert adoption._keepers == {}


def test_the_note_has_no_secret_and_follows_the_exporters(tmp_path: Path, splunk: FakeHec) -> None:
    hook = Webhook.model_validate({"url": "https://example.com/hook/never-to-be-shown"})
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)}, service="shop")
    outbox.add("hook", Outlet(hook))
    (directory,) = tmp_path.iterdir()
    found = note.read(directory)
    assert found == Note("shop", {"soc": mark(hec(splunk).destination), "hook": mark(hook)})
    text = (directory / note.NAME).read_text("utf-8")
    assert splunk.token not in text
    assert "example.com" not in text
    assert (directory / note.NAME).stat().st_mode & 0o777 == 0o600
    outbox.remove("hook")
    assert (note.read(directory) or Note()).exporters.keys() == {"soc"}
    outbox.close(5)


def test_a_note_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    for content in (b"", b"[]", b'{"exporters": 3}'):
        (tmp_path / note.NAME).write_bytes(content)
        assert note.read(tmp_path) is None


def test_marks_tell_settings_apart_and_secrets_not() -> None:
    def splunk(**more: object) -> SplunkHec:
        return SplunkHec.model_validate({"endpoint": "https://a:8088", "token": "one", **more})

    assert mark(splunk()) == mark(splunk(token="rotated"))
    assert mark(splunk()) == mark(splunk(index=None)), "what is not said does not count"
    assert mark(splunk()) != mark(splunk(endpoint="https://b:8088"))
    assert mark(splunk()) != mark(splunk(index="audit"))
    one, two = (Webhook.model_validate({"url": f"https://hooks.example.com/{n}"}) for n in "12")
    assert mark(one) != mark(two), "of a webhook the secret is the address"
    assert mark(File(path="/a")) != mark(File(path="/b"))


def test_retiring_is_refused_while_somebody_works_there(tmp_path: Path, splunk: FakeHec) -> None:
    directory = dead(tmp_path, "soc", hec(splunk).destination)
    journal = family.open_journal(directory, 64, 0)
    assert not family.retire(directory)
    journal.close()
    assert family.retire(directory)
    assert list(tmp_path.iterdir()) == []


CHILD = """
import os, sys
from pathlib import Path
from otelsiem import adoption
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.record import Group, Record, Scope
from otelsiem.outbox import Outlet

url, token, journal, name, count = sys.argv[1:]
adoption.FIRST, adoption.EVERY = 0.05, 0.1
outbox = adoption.outbox(Path(journal), {"soc": Outlet(SplunkHec.model_validate({"endpoint": url, "token": token}))})
for n in range(int(count)):
    outbox.post([Group({}, Scope(), [Record(f"{name}-{n}", 1767225600000000000, event="x")])])
print("posted", flush=True)
sys.stdin.read()
outbox.close(10)
"""


def child(url: str, token: str, journal: Path, name: str, count: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(CHILD), url, token, str(journal), name, str(count)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_p1_what_killed_processes_had_is_delivered_by_the_living_ones(tmp_path: Path, splunk: FakeHec) -> None:
    """Four processes die with everything undelivered, two live: each record is there once."""
    splunk.server.down()
    started = [child(splunk.url, splunk.token, tmp_path, f"w{n}", 20) for n in range(6)]
    try:
        for one in started:
            assert one.stdout is not None
            assert one.stdout.readline() == "posted\n"
        for one in started[:4]:
            os.kill(one.pid, signal.SIGKILL)
            one.wait(10)
        splunk.server.up()
        wanted = {f"w{n}-{m}" for n in range(6) for m in range(20)}
        eventually(lambda: set(splunk.count_by("event_id")) == wanted, 60, "all are there")
        eventually(lambda: len(list(family.directories(tmp_path))) == 2, 30, "the dead ones' journals are gone")
        assert set(splunk.count_by("event_id").values()) == {1}, "nothing was on the way when they died"
    finally:
        for one in started:
            if one.stdin is not None:
                one.stdin.close()
            one.wait(30)
            if one.stdout is not None:
                one.stdout.close()
    assert [one.returncode for one in started] == [-9, -9, -9, -9, 0, 0]


def test_adopted_records_keep_to_a_single_courier(tmp_path: Path, splunk: FakeHec) -> None:
    outlet = replace(hec(splunk), couriers=8)
    outbox = adoption.outbox(tmp_path, {"soc": outlet})
    splunk.server.down()
    directory = dead(tmp_path, "soc", outlet.destination, "a")
    eventually(lambda: directory not in family.orphans(tmp_path), 20, "it is adopted")
    (keeper,) = adoption._keepers.values()
    eventually(lambda: len(keeper._adopted) == 1, 20, "it is being delivered")
    assert keeper._adopted[0].outbox.running()["soc"].couriers == 1
    splunk.server.up()
    eventually(lambda: gone(directory), 20, "it is delivered")
    outbox.close(5)


def test_a_pause_reaches_what_is_being_delivered_for_others(tmp_path: Path, splunk: FakeHec) -> None:
    outbox = adoption.outbox(tmp_path, {"soc": hec(splunk)})
    splunk.server.down()
    directory = dead(tmp_path, "soc", hec(splunk).destination, "a")
    eventually(lambda: directory not in family.orphans(tmp_path), 20, "it is adopted")
    outbox.pause("soc")
    eventually(lambda: directory in family.orphans(tmp_path), 20, "it is put back")
    splunk.server.up()
    outbox.close(5)
    assert splunk.events == []


def test_nothing_that_has_something_in_it_is_retired(tmp_path: Path, splunk: FakeHec) -> None:
    waits = dead(tmp_path, "soc", hec(splunk).destination, "a")
    assert not family.retire(waits)
    refused = dead(tmp_path, "old", hec(splunk).destination, "b")
    journal = family.open_journal(refused, 64, 0)
    lease = journal.lease(Cursor(PIPELINE, "old"), hec(splunk).destination.limits, 1.0)
    assert lease is not None
    journal.settle(lease, Receipt(dead={0: Death("refused", 1)}))
    journal.flush(5)
    journal.detach(Cursor(PIPELINE, "old"))  # its dead letters stay
    journal.close()
    assert family.waiting(refused) == {}
    assert not family.retire(refused)
