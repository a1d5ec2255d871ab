"""A sink that answers like HEC and reads nothing: `python -m tests.benchmarks.sink PORT`. GET says how many came."""

from __future__ import annotations

import itertools
import sys
import threading

from otelsiem.testing.http import HttpServer, Respond, Seen

TAKEN = Respond(200, b'{"text":"Success","code":0}', {"Content-Type": "application/json"})


def main() -> None:
    requests = itertools.count(1)
    last = 0

    def answer(request: Seen) -> Respond:
        nonlocal last
        if request.method == "GET":
            return Respond(200, str(last).encode())
        last = next(requests)
        return TAKEN

    with HttpServer(answer, port=int(sys.argv[1]), keep=False):
        threading.Event().wait()


if __name__ == "__main__":
    main()
