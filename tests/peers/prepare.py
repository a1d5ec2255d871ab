"""`python3 -m tests.peers.prepare [NAME …]` builds and fetches what the peer tests need, once per machine.

Run it again at any time: what is there is kept. It ends with 1 when something could not be made, and makes the
rest all the same. Standard library only, so it can run while the virtual environment is being made.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from tests.peers.artefacts import ALL, Artefact, NotMadeError, cache

COMMAND = "python3 -m tests.peers.prepare"


def prepare(artefact: Artefact) -> bool:
    """Make one artefact and say what happened."""
    began = time.monotonic()
    try:
        made = artefact.make()
    except (NotMadeError, OSError) as problem:
        print(f"{artefact.name}: FAILED: {problem}", flush=True)
        return False
    took = f"made in {time.monotonic() - began:.0f} s" if made else "there"
    print(f"{artefact.name}: {took}: {artefact.path}", flush=True)
    return True


def stop(number: int, frame: object) -> None:
    """SIGTERM as an exception, so that running steps are ended on the way out."""
    sys.exit(128 + number)


def main(argv: list[str]) -> int:
    """Prepare the named artefacts, or all."""
    by_name = {artefact.name: artefact for artefact in ALL}
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(by_name)}; all when none is given")
    parser.add_argument("--list", action="store_true", help="only say what is there")
    chosen = parser.parse_args(argv)
    if unknown := set(chosen.names) - set(by_name):
        parser.error(f"no such thing: {', '.join(sorted(unknown))}")
    wanted = [by_name[name] for name in chosen.names] or list(ALL)
    if chosen.list:
        for artefact in wanted:
            print(f"{artefact.name}: {'there' if artefact.ready() else 'missing'}: {artefact.path}")
        return 0
    signal.signal(signal.SIGTERM, stop)
    cache().mkdir(parents=True, exist_ok=True)
    failed = [artefact.name for artefact in wanted if not prepare(artefact)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
