"""gevent's greenlets that audit: `python -m tests.life.apps.greenlets before|after FOLDER` (patched before or after our
import). Prints the names that are durable, and how long the hub was kept from its other greenlets at most."""

from __future__ import annotations

import sys
from pathlib import Path

ORDER, FOLDER = sys.argv[1], Path(sys.argv[2])

if ORDER == "before":
    from gevent import monkey  # type: ignore[import-untyped]  # it has none

    monkey.patch_all()

import otelsiem  # noqa: E402 - the order is what is tested
from otelsiem.auditing import api, worker  # noqa: E402, F401 - and all that they import
from otelsiem.transport import file, http  # noqa: E402, F401 - the same

if ORDER == "after":
    from gevent import monkey

    monkey.patch_all()

otelsiem.configure(otelsiem.File(path=str(FOLDER / "out.jsonl")), journal=FOLDER / "journal", service_name="life")

import time  # noqa: E402

import gevent  # noqa: E402

pauses: list[float] = []


def tick() -> None:
    while True:
        began = time.monotonic()
        gevent.sleep(0.001)
        pauses.append(time.monotonic() - began)


def work(number: int) -> None:
    for n in range(4):
        otelsiem.audit("green", name=f"g{number}-f{n}")
        otelsiem.audit("green", name=f"g{number}-d{n}", durable=True)
        print(f"g{number}-d{n}", flush=True)


ticking = gevent.spawn(tick)
gevent.joinall([gevent.spawn(work, number) for number in range(50)], raise_error=True)
ticking.kill()
print(f"longest {max(pauses) * 1000:.0f} ms", flush=True)
