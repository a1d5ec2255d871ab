from __future__ import annotations

import errno
import fcntl
import gzip
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.model.destination import FileSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, WriteRequest
from otelsiem.transport import file as module
from otelsiem.transport.file import FileTransport
from otelsiem.transport.rotation import Rotation
from otelsiem.transport.transport import open_transport
from tests.examples import some

NOON = 1_785_153_600.0  # 2026-07-27T12:00:00Z
Open = Callable[..., FileTransport]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def transport(path: Path) -> Iterator[Open]:
    opened: list[FileTransport] = []

    def make(clock: Callable[[], float] = lambda: NOON, **rest: object) -> FileTransport:
        opened.append(FileTransport(FileSettings(str(path), **rest), clock))  # type: ignore[arg-type]  # test rows
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def write(transport: FileTransport, text: str) -> Reply:
    return transport.perform(WriteRequest(text.encode()))


def wrote(transport: FileTransport, text: str) -> None:
    assert write(transport, text) == Answer(200)


def failed(reply: Reply) -> Failure:
    assert isinstance(reply, Failure), reply
    assert reply.kind == "disk"
    return reply


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_bodies_are_appended_in_order(transport: Open, path: Path) -> None:
    carrier = transport()
    wrote(carrier, "one\ntwo\n")
    wrote(carrier, "three\n")
    carrier.close()
    wrote(transport(), "four\n")
    assert path.read_text() == "one\ntwo\nthree\nfour\n"


def test_open_transport_chooses_files(path: Path) -> None:
    chosen = open_transport(FileSettings(str(path)))
    assert not path.exists()  # nothing is opened before the first record
    assert chosen.perform(WriteRequest(b"x\n")) == Answer(200)
    assert isinstance(chosen.perform(HttpRequest("GET", "http://x/")), Failure)
    chosen.close()


def test_a_body_without_a_final_newline_gets_one(transport: Open, path: Path) -> None:
    carrier = transport()
    wrote(carrier, "one")
    wrote(carrier, "two\n")
    assert path.read_text() == "one\ntwo\n"


def test_directories_are_made_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "audit.jsonl"
    before = os.umask(0)
    try:
        carrier = FileTransport(FileSettings(str(path)))
        wrote(carrier, "x\n")
        carrier.close()
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o750


def test_p1_an_answer_comes_after_the_fsync_of_file_and_name(
    transport: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(module, "_sync", lambda _: synced.append(path.read_text()))
    monkeypatch.setattr(module, "sync_directory", lambda directory: synced.append(str(directory)))
    carrier = transport()
    wrote(carrier, "one\n")
    assert synced == [str(path.parent), "one\n"]
    wrote(carrier, "two\n")
    assert synced[2:] == ["one\ntwo\n"]


def test_fsync_never_leaves_it_to_the_kernel(transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: int) -> None:
        raise AssertionError

    monkeypatch.setattr(module, "_sync", never)
    wrote(transport(fsync="never"), "one\n")


# --- faults


@contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """RLIMIT_FSIZE: the kernel takes a part of a write and refuses the rest, as a full disk does.

    It holds for pytest's own output too, hence for one write only and never until the end of a test.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_p2_a_short_write_leaves_no_torn_line(transport: Open, path: Path) -> None:
    carrier = transport()
    wrote(carrier, "one\n")
    with small_disk(100):
        reply = failed(write(carrier, "x" * 200 + "\n"))
    assert not reply.sent
    assert path.read_text() == "one\n"
    wrote(carrier, "x" * 200 + "\n")
    assert path.read_text() == "one\n" + "x" * 200 + "\n"


def test_p1_a_failed_fsync_is_no_answer_and_is_written_again(
    transport: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    carrier = transport()
    wrote(carrier, "one\n")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_sync", broken)
        assert failed(write(carrier, "two\n")).detail == f"{path}: input/output error"
    assert path.read_text() == "one\n"
    wrote(carrier, "two\n")
    assert path.read_text() == "one\ntwo\n"


def test_a_line_of_a_stranger_is_not_cut_off_with_ours(
    transport: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        with path.open("a") as other:
            other.write("stranger\n")
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "_sync", broken)
    failed(write(transport(), "one\n"))
    assert path.read_text() == "one\nstranger\n"


@pytest.mark.parametrize("kind", ["directory", "fifo", "file above", "nul", "no name"])
def test_an_unusable_path_is_a_failure(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "x")
    if kind == "directory":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "file above":
        Path(path).write_text("")
        path += "/y"
    else:
        path = "\0" if kind == "nul" else ""
    carrier = FileTransport(FileSettings(path))
    failed(write(carrier, "x\n"))
    carrier.close()


def test_an_interrupt_refuses_what_comes_later(transport: Open, path: Path) -> None:
    carrier = transport()
    carrier.interrupt()
    failed(write(carrier, "x\n"))
    assert not path.exists()


# --- torn tails


def test_a_torn_last_line_is_moved_out_beside(transport: Open, path: Path) -> None:
    path.write_text("one\ntwo\n{torn")
    wrote(transport(), "three\n")
    assert path.read_text() == "one\ntwo\nthree\n"
    (beside,) = [name for name in names(path) if name.endswith(".torn")]
    assert path.with_name(beside).read_text() == "{torn"


def test_a_file_that_is_one_torn_line(transport: Open, path: Path) -> None:
    path.write_text("{torn")
    wrote(transport(), "one\n")
    assert path.read_text() == "one\n"


def test_a_tail_too_long_for_a_record_is_completed(
    transport: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TAIL", 10)
    path.write_text("x" * 50)
    wrote(transport(), "one\n")
    assert path.read_text() == "x" * 50 + "\none\n"


@settings(deadline=None, max_examples=some(60))
@given(st.binary(max_size=60))
def test_whatever_stands_there_our_lines_stay_whole(tmp_path_factory: pytest.TempPathFactory, before: bytes) -> None:
    path = tmp_path_factory.mktemp("torn") / "audit"
    path.write_bytes(before)
    carrier = FileTransport(FileSettings(str(path)))
    wrote(carrier, "one\n")
    carrier.close()
    whole, _, torn = before.rpartition(b"\n")
    assert path.read_bytes() == (whole + b"\n" if b"\n" in before else b"") + b"one\n"
    kept = b"".join(entry.read_bytes() for entry in path.parent.glob("*.torn"))
    assert kept == torn


# --- rotation


def test_rotation_by_size_loses_nothing_and_tears_nothing(transport: Open, path: Path) -> None:
    carrier = transport(rotate_bytes=50)
    lines = [f"record {n:03}\n" for n in range(40)]
    for line in lines:
        wrote(carrier, line)
    files = sorted(entry for entry in path.parent.iterdir() if entry != path)
    assert len(files) == 9
    assert all(entry.stat().st_size <= 50 for entry in [*files, path])
    order = sorted(files, key=lambda entry: int(entry.stem.split("Z")[1].removeprefix("-") or 0))  # one clock, one name
    assert "".join(entry.read_text() for entry in [*order, path]) == "".join(lines)


def test_a_rotated_name_carries_the_time(transport: Open, path: Path) -> None:
    carrier = transport(rotate_bytes=5)
    wrote(carrier, "one\n")
    wrote(carrier, "two\n")
    assert names(path) == ["audit-20260727T120000.000000Z.jsonl", "audit.jsonl"]


def test_no_existing_file_is_overwritten(transport: Open, path: Path) -> None:
    taken = path.with_name("audit-20260727T120000.000000Z.jsonl")
    taken.write_text("precious\n")
    packed = path.with_name("audit-20260727T120000.000000Z-1.jsonl.gz")
    packed.write_text("precious\n")
    carrier = transport(rotate_bytes=5)
    wrote(carrier, "one\n")
    wrote(carrier, "two\n")
    assert taken.read_text() == packed.read_text() == "precious\n"
    assert path.with_name("audit-20260727T120000.000000Z-2.jsonl").read_text() == "one\n"


def test_a_body_larger_than_a_file_may_be_gets_one_of_its_own(transport: Open, path: Path) -> None:
    carrier = transport(rotate_bytes=10)
    wrote(carrier, "x" * 30 + "\n")
    assert names(path) == ["audit.jsonl"]
    wrote(carrier, "y\n")
    assert path.read_text() == "y\n"


def test_rotation_by_age_goes_by_periods_and_survives_restarts(transport: Open, path: Path) -> None:
    now = NOON
    carrier = transport(lambda: now, rotate_seconds=3600)
    wrote(carrier, "one\n")
    os.utime(path, (NOON + 3599, NOON + 3599))
    now = NOON + 3599.5
    wrote(carrier, "two\n")
    os.utime(path, (now, now))
    carrier.close()
    now = NOON + 3600.5
    wrote(transport(lambda: now, rotate_seconds=3600), "three\n")
    assert path.read_text() == "three\n"
    assert path.with_name("audit-20260727T130000.500000Z.jsonl").read_text() == "one\ntwo\n"


def test_only_the_newest_are_kept_and_strangers_left_alone(transport: Open, path: Path) -> None:
    strangers = ["audit-notes.jsonl", "audit-20260727T120000.000000Z.jsonl.bak", "other-20260727T120000.000000Z.jsonl"]
    for name in strangers:
        path.with_name(name).write_text("precious\n")
    now = [NOON]
    carrier = transport(lambda: now[0], rotate_bytes=5, keep=2)
    for n in range(6):
        now[0] += 1
        wrote(carrier, f"{n}\n" + "x" * 4)
    rotated = [name for name in names(path) if name not in strangers and name != path.name]
    assert [path.with_name(name).read_text()[0] for name in rotated] == ["3", "4"]
    assert path.read_text()[0] == "5"
    assert all(path.with_name(name).exists() for name in strangers)


def test_rotated_files_are_compressed_whole(transport: Open, path: Path) -> None:
    carrier = transport(rotate_bytes=1000, compression="gzip")
    lines = [f"record {n:05}\n" for n in range(500)]
    for line in lines:
        wrote(carrier, line)
    assert carrier._compressor is not None
    _wait_until(lambda: not list(path.parent.glob("audit-*.jsonl")))
    packed = list(path.parent.glob("audit-*.jsonl.gz"))
    assert all(entry.stat().st_mode & 0o777 == 0o600 for entry in packed)
    found = [line for entry in packed for line in gzip.decompress(entry.read_bytes()).decode().splitlines(True)]
    assert sorted(found + path.read_text().splitlines(True)) == lines
    assert not list(path.parent.glob("*.half"))


def test_what_a_crash_left_uncompressed_is_compressed_later(transport: Open, path: Path) -> None:
    path.write_text("now\n")
    plain = path.with_name("audit-20260727T120000.000000Z.jsonl")
    plain.write_text("before\n")
    plain.with_name(plain.name + ".gz.half").write_text("torn")
    done = path.with_name("audit-20260727T110000.000000Z.jsonl")  # killed between rename and unlink
    done.write_text("earlier\n")
    done.with_name(done.name + ".gz").write_bytes(gzip.compress(b"earlier\n"))
    wrote(transport(compression="gzip"), "x\n")
    _wait_until(lambda: not plain.exists() and not done.exists())
    assert gzip.decompress(plain.with_name(plain.name + ".gz").read_bytes()) == b"before\n"
    assert gzip.decompress(done.with_name(done.name + ".gz").read_bytes()) == b"earlier\n"


def test_close_leaves_what_is_half_compressed_plain(transport: Open, path: Path) -> None:
    plain = path.with_name("audit-20260727T120000.000000Z.jsonl")
    plain.write_bytes(os.urandom(1 << 20))
    path.write_text("")
    carrier = transport(compression="gzip")
    assert carrier._compressor is not None
    carrier._compressor._stop.set()
    wrote(carrier, "x\n")
    carrier.close()
    assert plain.stat().st_size == 1 << 20
    assert not list(path.parent.glob("*.gz*"))


def test_a_rotation_that_fails_is_a_failure_and_loses_nothing(
    transport: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier = transport(rotate_bytes=5)
    wrote(carrier, "one\n")

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refused)
        failed(write(carrier, "two\n"))
    assert names(path) == ["audit.jsonl"]
    assert path.read_text() == "one\n"
    wrote(carrier, "two\n")
    assert path.read_text() == "two\n"


def _wait_until(done: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(500):
        if done():
            return
        waiting.wait(0.01)
    raise AssertionError("it never happened")


# --- others at the same file


@pytest.mark.parametrize("how", ["renamed", "removed", "replaced"])
def test_rotation_by_somebody_else_is_noticed(transport: Open, path: Path, how: str) -> None:
    carrier = transport()
    wrote(carrier, "one\n")
    if how == "removed":
        path.unlink()
    else:
        path.rename(path.with_name("audit.1"))
    if how == "replaced":
        path.write_text("new\n")
    wrote(carrier, "two\n")
    assert path.read_text() == ("new\ntwo\n" if how == "replaced" else "two\n")
    if how != "removed":
        assert path.with_name("audit.1").read_text() == "one\n"


def test_couriers_share_a_transport(transport: Open, path: Path) -> None:
    carrier = transport(rotate_bytes=3000)

    def courier(name: int) -> None:
        for n in range(50):
            wrote(carrier, f"{name}:{n}:" + "x" * 40 + "\n")

    threads = [threading.Thread(target=courier, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for entry in path.parent.iterdir() for line in entry.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name}:{n}:" + "x" * 40 for name in range(4) for n in range(50))


def test_a_write_waits_for_another_process_and_follows_its_rotation(transport: Open, path: Path) -> None:
    carrier = transport()
    wrote(carrier, "one\n")
    replies: list[Reply] = []
    with path.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread = threading.Thread(target=lambda: replies.append(write(carrier, "two\n")))
        thread.start()
        thread.join(0.1)
        assert replies == []
        path.rename(path.with_name("rotated"))
        other.write("last\n")
    thread.join(5)
    assert replies == [Answer(200)]
    assert path.with_name("rotated").read_text() == "one\nlast\n"
    assert path.read_text() == "two\n"


_WRITER = """
import sys
from otelsiem.model.destination import FileSettings
from otelsiem.model.exchange import Answer, WriteRequest
from otelsiem.transport.file import FileTransport
path, name = sys.argv[1:]
carrier = FileTransport(FileSettings(path, rotate_bytes=400, compression="gzip", fsync="never"))
for n in range(400):
    assert carrier.perform(WriteRequest(f"{name}:{n}:{'x' * 20}\\n".encode())) == Answer(200)
carrier.close()
"""


def test_processes_share_a_path_through_rotation_and_compression(path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name]) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    lines: list[str] = []
    for entry in path.parent.iterdir():
        data = entry.read_bytes()
        lines += (gzip.decompress(data) if entry.suffix == ".gz" else data).decode().splitlines()
    assert sorted(lines) == sorted(f"{name}:{n}:" + "x" * 20 for name in "abc" for n in range(400))


def test_p1_a_name_reserved_by_one_process_is_not_compressed_by_another(
    path: Path, transport: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reservation of a name and the rename over it, another process's compressor looks."""
    elsewhere = Rotation(path, 0, 0o640)
    replace = os.replace

    def replaced(source: Path, target: Path) -> None:
        if source == path:
            elsewhere.compress(threading.Event())
        replace(source, target)

    carrier = transport(rotate_bytes=3)
    wrote(carrier, "1\n")
    monkeypatch.setattr(os, "replace", replaced)
    wrote(carrier, "2\n")
    elsewhere.compress(threading.Event())
    [packed] = path.parent.glob("*.gz")
    assert gzip.decompress(packed.read_bytes()) == b"1\n"
    assert path.read_bytes() == b"2\n"


def test_an_empty_body_asks_whether_the_file_can_be_written_and_writes_nothing(tmp_path: Path) -> None:
    """What a probe of the `file` destination sends: it must not leave a blank line between records."""
    transport = FileTransport(FileSettings(str(tmp_path / "audit.jsonl")))
    try:
        assert transport.perform(WriteRequest(b'{"n":1}\n')) == Answer(200)
        assert transport.perform(WriteRequest(b"")) == Answer(200)
        assert transport.perform(WriteRequest(b'{"n":2}\n')) == Answer(200)
    finally:
        transport.close()
    assert (tmp_path / "audit.jsonl").read_bytes() == b'{"n":1}\n{"n":2}\n'
