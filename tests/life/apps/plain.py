"""A program that audits to a file and ends in one of many ways: `python -m tests.life.apps.plain END FOLDER`.

Events have numbers: "f…" are fire-and-forget, "d…" durable and printed when they are. Environment: LIFE_MEMORY (no
journal), LIFE_SIGTERM, LIFE_QUEUE (what the SDK emits goes straight into an AuditLog).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal

import otelsiem
from otelsiem import adoption
from otelsiem.auditing import api
from otelsiem.auditing.life import flush_on_sigterm
from otelsiem.journal import family

adoption.FIRST = 0.1  # nobody waits for the first look

FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(os.environ.get("LIFE_FOLDER", "."))
MEMORY = bool(os.environ.get("LIFE_MEMORY"))
QUEUE = bool(os.environ.get("LIFE_QUEUE"))


def configure() -> None:
    otelsiem.configure(
        otelsiem.File(path=str(FOLDER / "out.jsonl")),
        journal=None if MEMORY else FOLDER / "journal",
        service_name="life",
        flush_on_sigterm=bool(os.environ.get("LIFE_SIGTERM")),
    )


def audit(who: str = "", number: int = 5) -> None:
    for n in range(number):
        otelsiem.audit("plain", name=f"{who}f{n}")
        if not MEMORY:
            otelsiem.audit("plain", name=f"{who}d{n}", durable=True)
            say(f"{who}d{n}")
    otelsiem.audit("plain", name=f"{who}last")


def say(what: str) -> None:
    os.write(1, f"{what}\n".encode())


# --- the end of one process --------------------------------------------------------------------------------------


def ends() -> None:
    audit()


def exits() -> None:
    audit()
    sys.exit(3)


def raises() -> None:
    audit()
    raise ValueError("the application's own")


def os_exits() -> None:
    audit()
    os._exit(0)


def exits_in_a_thread() -> None:
    thread = threading.Thread(target=exits)
    thread.start()
    thread.join()


def audits_at_exit() -> None:
    import atexit

    atexit.register(lambda: otelsiem.audit("plain", name="at-exit"))
    audit()


def leaves_daemons() -> None:
    """Threads of the host that audit while the interpreter goes away."""

    def work() -> None:
        n = 0
        while True:
            otelsiem.audit("plain", name=f"daemon{n}")
            n += 1
            time.sleep(0)

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    audit()


def leaves_a_worker() -> None:
    """A thread that is no daemon: the interpreter waits for it before it ends."""

    def work() -> None:
        time.sleep(0.2)
        otelsiem.audit("plain", name="late")

    threading.Thread(target=work).start()
    audit()


def never_configures() -> None:
    otelsiem.audit("plain", name="f0")


def waits() -> None:
    """For a signal, in the main thread."""
    audit()
    say("ready")
    while True:
        time.sleep(10)


def waits_with_a_handler() -> None:
    def mine(number: int, frame: object) -> None:
        say("mine")
        sys.exit(7)

    thread = threading.Thread(target=lambda: say(f"asked in a thread {flush_on_sigterm()}"))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, mine)
    say(f"asked {flush_on_sigterm()}")
    assert signal.getsignal(signal.SIGTERM) is mine
    waits()


def waits_holding_locks() -> None:
    """The handler runs where the main thread holds what a flush needs."""
    audit()
    flush_on_sigterm(0.5)
    log = api.default()
    with log._lock, threading._active_limbo_lock:  # type: ignore[attr-defined]  # what starting a thread takes
        say("ready")
        while True:
            time.sleep(10)


# --- asyncio -----------------------------------------------------------------------------------------------------


async def _durably(who: str, number: int) -> None:
    for n in range(number):
        name = f"{who}d{n}"
        await otelsiem.audit_durable("plain", name=name)
        say(name)


def runs_a_loop() -> None:
    async def main() -> None:
        otelsiem.audit("plain", name="f0")
        async with asyncio.TaskGroup() as group:
            for who in "abc":
                group.create_task(_durably(who, 10))
        otelsiem.audit("plain", name="f1")

    asyncio.run(main())


def cancels() -> None:
    """Tasks are cancelled while they wait for the disk, the loop is closed while answers are under way."""

    async def main() -> None:
        tasks = [asyncio.create_task(_durably(f"t{n}", 1000)) for n in range(5)]
        await asyncio.sleep(1)
        for task in tasks[:2]:
            task.cancel()

    asyncio.run(main())
    say("closed")


def abandons_a_loop() -> None:
    loop = asyncio.new_event_loop()
    task = loop.create_task(_durably("t", 1000))
    loop.run_until_complete(asyncio.sleep(1))
    loop.close()
    del task


# --- processes ---------------------------------------------------------------------------------------------------


def forks() -> None:
    for n in range(50):
        otelsiem.audit("plain", name=f"before{n}")
    child = os.fork()
    if not child:
        audit("child-")
        return  # on to the end of the interpreter, as the parent
    audit("parent-")
    os.waitpid(child, 0)


def forks_before_configure() -> None:
    """What is queued is surely queued still."""
    for n in range(5):
        otelsiem.audit("plain", name=f"before{n}")
    child = os.fork()
    configure()
    otelsiem.audit("plain", name="parent" if child else "child")
    if child:
        os.waitpid(child, 0)


def forks_and_os_exits() -> None:
    otelsiem.audit("plain", name="before")
    child = os.fork()
    if not child:
        otelsiem.audit("plain", name="child-d0", durable=True)
        say("child-d0")
        os._exit(0)
    os.waitpid(child, 0)


def outlives_its_parent() -> None:
    """The child must not hold the parent's journal: somebody else delivers what is in it."""
    audit("parent-")
    if os.fork():
        os._exit(0)
    until = time.monotonic() + 30
    while not (FOLDER / "go").exists() and time.monotonic() < until:
        time.sleep(0.02)
    audit("child-")


def _work(who: str) -> str:
    if not api.default()._setup:  # spawned: nothing is inherited
        configure()
    audit(who, 3)
    return who


def _processes(method: Literal["fork", "spawn", "forkserver"]) -> None:
    os.environ["LIFE_FOLDER"] = str(FOLDER)
    otelsiem.audit("plain", name="parent")
    context: Any = multiprocessing.get_context(method)
    processes = [context.Process(target=_work, args=(f"p{n}-",)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def mp_fork() -> None:
    _processes("fork")


def mp_spawn() -> None:
    _processes("spawn")


def mp_forkserver() -> None:
    _processes("forkserver")


def pool_closed() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_work, ["p0-", "p1-"]) == ["p0-", "p1-"]
        pool.close()
        pool.join()


def pool_terminated() -> None:
    """`with` ends a pool by SIGTERM."""
    with multiprocessing.get_context("fork").Pool(2, flush_on_sigterm) as pool:
        assert pool.map(_work, ["p0-", "p1-"]) == ["p0-", "p1-"]


def executor() -> None:
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(_work, ["p0-", "p1-"])) == ["p0-", "p1-"]


# --- on the SDK -------------------------------------------------------------------------------------


def _provider(folder: Path) -> Any:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    out, journal = otelsiem.File(path=str(folder / "out.jsonl")), None if MEMORY else folder / "sdk-journal"
    next_: Any
    if QUEUE:
        next_ = otelsiem.AuditLog(out, journal=journal)
    else:
        exporter = otelsiem.SiemLogExporter(out, journal=journal)
        next_ = BatchLogRecordProcessor(exporter, schedule_delay_millis=60_000)
    provider = LoggerProvider(resource=Resource({"service.name": "life"}))
    provider.add_log_record_processor(otelsiem.AuditLogRecordProcessor(next_))
    return provider


def _emit(provider: Any, who: str) -> None:
    from opentelemetry._logs import LogRecord

    for n in range(5):
        provider.get_logger("plain").emit(LogRecord(event_name="plain", attributes={"name": f"{who}f{n}"}))


def sdk_ends() -> None:
    _emit(_provider(FOLDER), "")


def sdk_forks() -> None:
    provider = _provider(FOLDER)
    _emit(provider, "before-")
    provider.force_flush()  # the SDK's batch forgets, in the child, what was queued: ours must not deliver it again
    child = os.fork()
    _emit(provider, "parent-" if child else "child-")
    if child:
        os.waitpid(child, 0)


def sdk_mp() -> None:
    provider = _provider(FOLDER)
    _emit(provider, "parent-")
    processes = [multiprocessing.get_context("fork").Process(target=_emit, args=(provider, f"p{n}-")) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def sdk_waits() -> None:
    flush_on_sigterm()
    provider = _provider(FOLDER)
    _emit(provider, "")
    say("ready")
    while True:
        time.sleep(10)


def delivers() -> None:
    """The next life: what the dead left goes out."""
    otelsiem.audit("plain", name="next", durable=True)
    api.default().flush(20)
    until = time.monotonic() + 15
    while any(map(family.waiting, family.directories(FOLDER / "journal"))) and time.monotonic() < until:
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] not in {"never_configures", "forks_before_configure"} and not sys.argv[1].startswith("sdk"):
        configure()
    globals()[sys.argv[1]]()
