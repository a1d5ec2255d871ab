"""A gateway keeps the memory of one payload for the next: what is measured is page faults, not time."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Payloads made and dropped on a thread, as couriers do: how many pages the kernel had to bring for each megabyte.
PROGRAM = """
import resource, sys, threading
from otelsiem.gateway.memory import keep_memory

if sys.argv[1] == "keep":
    assert keep_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def payloads(count):
    for n in range(count):
        parts = [b"x" * (100_000 + n % 7) for _ in range(14)]
        whole = b"".join(parts)
        del parts, whole

def work():
    payloads(20)
    before = faults()
    payloads(200)
    print((faults() - before) / 200)

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def faults(mode: str) -> float:
    said = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True, timeout=60)
    return float(said.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no glibc to be told")
def test_the_memory_of_a_payload_serves_the_next() -> None:
    kept, left = faults("keep"), faults("leave")
    assert kept < max(left / 10, 1), (kept, left)
