"""A load balancer with sticky cookies in front of several collectors, on one loopback socket.

    with HecBalancer(3, ack=True) as balancer:
        send_to(balancer.url, token=balancer.token)
    assert sum(node.received for node in balancer.nodes) == 3

Guarantees: a request with the balancer's cookie goes to the node that the cookie names; one without it, or whose node
is out, goes to a random node that is not, and its answer sets the cookie. Each node counts its own acknowledgements:
another node says `false` to them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from typing import Any, Self

from otelsiem.testing.hec import TOKEN, FakeHec
from otelsiem.testing.hec_envelope import Event
from otelsiem.testing.http import HttpServer, Respond, Seen, Step, page

COOKIE = "hec_node"


class HecBalancer:
    """The front and its nodes; a context manager. The nodes have no sockets of their own."""

    def __init__(self, nodes: int, *, ack: bool = False, sticky: bool = True, seed: int = 0) -> None:
        self.nodes = [FakeHec(ack=ack) for _ in range(nodes)]
        self.sticky = sticky  # False: cookies are neither set nor read
        self.out: set[int] = set()  # nodes that get no requests
        self.strays = 0  # requests that came without the cookie of a node that works
        self.token = TOKEN
        self.server = HttpServer(self._handle)
        self._draw = random.Random(seed)  # noqa: S311 - no secret

    @property
    def url(self) -> str:
        return self.server.url

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()

    def count_by(self, key: str | Callable[[Event], Any] = "id") -> Counter[Any]:
        """Copies of each event on all nodes together."""
        return sum([node.count_by(key) for node in self.nodes], Counter[Any]())

    def _handle(self, request: Seen) -> Step:
        node = _named(request) if self.sticky else None
        if node is not None and node < len(self.nodes) and node not in self.out:
            return self.nodes[node].answer(request)
        self.strays += 1
        working = [n for n in range(len(self.nodes)) if n not in self.out]
        if not working:
            return page(503, "Service Unavailable")
        node = self._draw.choice(working)
        step = self.nodes[node].answer(request)
        if not (self.sticky and isinstance(step, Respond)):
            return step
        return replace(step, headers={**step.headers, "Set-Cookie": f"{COOKIE}={node}; Path=/; HttpOnly"})


def _named(request: Seen) -> int | None:
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return int(cookie.value) if cookie is not None and cookie.value.isdecimal() else None
