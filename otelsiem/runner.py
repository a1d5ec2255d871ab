"""A thread of ours, made when it starts.

A class derived from `threading.Thread` keeps the one that there was when it was imported. gevent puts another in its
place, and one of the old kind is never told that its greenlet has ended: `join` waits in vain (measured: 9 s at the
end of each gunicorn worker with `preload_app`).
"""

from __future__ import annotations

import threading


class Runner:
    """`run` in a daemon thread of this name, from `start` on."""

    def __init__(self, name: str) -> None:
        self._thread_name = name
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        raise NotImplementedError

    def start(self) -> None:
        thread = threading.Thread(target=self.run, name=self._thread_name, daemon=True)
        thread.start()
        self._thread = thread

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end; one that never began has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()
