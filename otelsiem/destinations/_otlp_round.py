"""One conversation with several endpoints: the next one is asked only when nothing can have been taken by the last.

Couriers begin at different endpoints and each stays with its own. Guarantees: an outcome whatever happens; what was
heard of an endpoint is noted for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from otelsiem.destinations._otlp_verdict import untouched, unwell
from otelsiem.model.destination import Moment
from otelsiem.model.exchange import Exchange, Failure, Reply, Request
from otelsiem.model.outcome import Outcome


def converse(
    count: int, at: Moment, timeout: float, ask: Callable[[int], Request], judge: Callable[[int, Reply], Outcome]
) -> Exchange:
    """`ask` makes the request for an endpoint, `judge` reads what it replied."""
    first: Outcome | None = None
    for node in at.nodes.order(count, at.now, crc32(at.channel.encode())):
        reply = yield ask(node)
        outcome = judge(node, reply)
        first = first or outcome
        if unwell(reply, outcome):
            late = isinstance(reply, Failure) and reply.kind == "timeout"  # then so much later it is by now
            at.nodes.failed(node, at.now + int(timeout * 1e9) if late else at.now)
        else:
            at.nodes.answered(node)
        if not untouched(reply, outcome):
            return outcome
    assert first is not None, "there is an endpoint"
    return first
