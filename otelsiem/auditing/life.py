"""What the life of a process means for those of us who hold records in it: forks, workers of pools, servers, the end.

Guarantees: a forked child never writes what its parent queued, nor touches the parent's threads, journal or locks, not
even when it ends; everything is closed at the end of the process, within one deadline for all; who is no longer used
is not kept for that. A signal handler is set only when it is asked for, and never instead of the host's.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Protocol
from weakref import WeakSet

from otelsiem.forks import at_fork, forked

log = logging.getLogger("otelsiem.audit")

CLOSING = 5.0  # seconds that the end of a process waits for us, all together
LEAST = 0.1  # of them, for each


class Mortal(Protocol):
    """As this module sees whoever holds records."""

    def close(self, timeout: float) -> object:
        """The process ends: write and deliver what goes until then. May be called again."""

    def flush(self, timeout: float) -> object:
        """The same, if the process goes on."""

    def forked(self) -> object:
        """This is a child, just forked. No thread may begin yet."""

    def inherit(self) -> object:
        """Now it may."""


_first: WeakSet[Mortal] = WeakSet()
_open: WeakSet[Mortal] = WeakSet()
_finalized = 0  # the process that has a finalizer for multiprocessing
_closer = 0  # the thread that closes all just now
_due = 0  # the signal that came meanwhile to that thread, and waits for its end


def mind(mortal: Mortal, *, first: bool = False) -> None:
    """Tell it of forks, and of the end: after `sys.exit`, an unhandled exception, the end of the main program.

    `first`: who hands its records on to one of the others.
    """
    (_first if first else _open).add(mortal)


def close_all(timeout: float = CLOSING) -> None:
    """Close all there are, one after the other."""
    global _closer, _due
    until, _closer = time.monotonic() + timeout, threading.get_ident()
    try:
        for mortal in (*_first, *_open):
            with contextlib.suppress(Exception):
                mortal.close(max(until - time.monotonic(), LEAST))
    finally:
        _closer, due, _due = 0, _due, 0
        if due:
            os.kill(os.getpid(), due)


def flush_all(timeout: float = CLOSING) -> None:
    """The same, to go on."""
    until = time.monotonic() + timeout
    for mortal in (*_first, *_open):
        with contextlib.suppress(Exception):
            mortal.flush(max(until - time.monotonic(), LEAST))


def begin() -> None:
    """A thread of ours begins here. In a child of `multiprocessing`, which ends without `atexit`, mind its end too."""
    global _finalized  # noqa: PLW0603 - there is one process
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or _finalized == os.getpid():
        return
    from multiprocessing.util import Finalize

    _finalized = os.getpid()
    Finalize(None, close_all, exitpriority=10)


def leave(inherited: object) -> None:
    """Never to be freed: what its destructors would do in this process belongs to the parent's journal."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


# --- SIGTERM -------------------------------------------------------------------------------------------------------


def flush_on_sigterm(timeout: float = CLOSING) -> bool:
    """From now on SIGTERM first flushes, within `timeout`, and then does what it did before: it ends the process.

    For programs that leave SIGTERM as it is: it ends them at once, and nothing in Python runs. Where the host, or its
    server, has a handler, or this is not the main thread, nothing is changed and the answer is False.
    """
    if threading.current_thread() is not threading.main_thread():
        log.warning("msg=%r", "SIGTERM will not flush: only the main thread may ask for that")
        return False
    found = signal.getsignal(signal.SIGTERM)
    if found is not signal.SIG_DFL and not isinstance(found, _Sigterm):
        log.info(
            "handler=%r msg=%r", found, "SIGTERM is handled already; what handles it must end the process in order"
        )
        return False
    signal.signal(signal.SIGTERM, _Sigterm(timeout))
    return True


class _Sigterm:
    """The handler. The work is done by a thread of its own: this one may hold, where it was stopped, any lock."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - so handlers are called
        global _due  # noqa: PLW0603 - there is one process
        if _closer == threading.get_ident():  # it was stopped in the middle of just that: first let it end
            _due = number
            signal.signal(number, signal.SIG_DFL)
            return
        done, first = _thread.allocate_lock(), os.getpid() == 1
        done.acquire()

        def work() -> None:
            try:
                flush_all(self._timeout) if first else close_all(self._timeout)
            finally:
                done.release()

        with contextlib.suppress(RuntimeError):  # no thread can begin any more
            _thread.start_new_thread(work, ())
            done.acquire(timeout=self._timeout + 1.0)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self)  # the first process of a container, to which the kernel sends no such signal


# --- servers that fork in C ----------------------------------------------------------------------------------------

_master = 0  # the process of uWSGI that loads the application, and then forks without telling Python
_baton: tuple[int, int] | None = None  # a pipe with one byte: who reads it goes on with the master's queue
_inherits = False


def awaits_fork() -> bool:
    """Whether no thread may begin yet: at a fork in C it may hold the interpreter, and no child would ever get it."""
    global _baton  # noqa: PLW0603 - there is one process
    if not _master or os.getpid() != _master:
        return False
    import uwsgi  # type: ignore[import-untyped]  # made by the server

    if uwsgi.worker_id():
        return False  # it has become a worker itself: there is no other process
    if _baton is None:
        _baton = os.pipe()
        os.set_blocking(_baton[0], False)
        os.write(_baton[1], b"1")
    return True


def inherits() -> bool:
    """Whether this child goes on with what its parent queued: one worker of uWSGI does, since its master cannot."""
    return _inherits


def passed_on() -> bool:
    """Whether a child goes on with what this process queued."""
    return _baton is not None and os.getpid() == _master and not _took_baton()


def _took_baton() -> bool:
    if _baton is None:
        return False
    with contextlib.suppress(BlockingIOError):
        return bool(os.read(_baton[0], 1))
    return False


def _in_uwsgi() -> None:
    """uWSGI forks without telling Python, and gives threads no time unless it is told to."""
    try:
        import uwsgi  # there only inside the server
    except ImportError:
        return
    global _master  # noqa: PLW0603 - there is one process
    options = getattr(uwsgi, "opt", {})
    _master = 0 if uwsgi.worker_id() else os.getpid()
    if not (_on(options, "enable-threads") or "threads" in options):
        log.error("msg=%r", "uWSGI runs without --enable-threads: events wait until a request is served; add it")
    told = _on(options, "py-call-uwsgi-fork-hooks")

    def in_worker() -> None:
        if not told:
            forked()
        for mortal in (*_first, *_open):
            mortal.inherit()

    try:
        from uwsgidecorators import postfork  # type: ignore[import-untyped]  # shipped with the server
    except Exception:  # noqa: BLE001 - not installed, or without a master: it raises a plain Exception
        before = getattr(uwsgi, "post_fork_hook", None)

        def both() -> None:
            in_worker()
            if before is not None:
                before()

        uwsgi.post_fork_hook = both
    else:
        postfork(in_worker)


def _on(options: dict[str, object], name: str) -> bool:
    value = options.get(name, options.get(name.encode(), False))  # type: ignore[call-overload]  # it has had both
    return value not in (False, None, b"false", b"off", b"0", b"no", "false", "off", "0", "no")


def _forked() -> None:
    global _inherits  # noqa: PLW0603 - there is one process
    _inherits = _took_baton()
    for mortal in (*_first, *_open):
        mortal.forked()


atexit.register(close_all)
at_fork(child=_forked)
_in_uwsgi()
