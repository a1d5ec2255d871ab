"""A sink that answers like HEC and notes how old each event is: `python -m tests.benchmarks.stopwatch PORT`.

GET answers with the ages since the last GET, in seconds.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
import time

from otelsiem.testing.http import HttpServer, Respond, Seen

TAKEN = Respond(200, b'{"text":"Success","code":0}', {"Content-Type": "application/json"})
_TIME = re.compile(rb'\{"time":([0-9.]+)')


def main() -> None:
    ages: list[float] = []

    def answer(request: Seen) -> Respond:
        if request.method == "GET":
            told, ages[:] = json.dumps(ages), []
            return Respond(200, told.encode())
        now = time.time()
        body = request.body if request.headers.get("content-encoding") != "gzip" else gzip.decompress(request.body)
        ages.extend([now - float(found) for found in _TIME.findall(body)])
        return TAKEN

    with HttpServer(answer, port=int(sys.argv[1]), keep=False):
        threading.Event().wait()


if __name__ == "__main__":
    main()
