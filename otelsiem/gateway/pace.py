"""How often threads of a gateway hand over the interpreter: often while they are few, more rarely the more they are.

Under the GIL every thread that waits for its turn wakes once in an interval to ask for it. 2,000 couriers whom one
record wakes at once asked a million times a second: the kernel did nothing else, and a sender waited 10 s and more for
its acknowledgement (measured; with this 0.05 s). Guarantee: the asking has an upper bound, however many couriers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from otelsiem.gateway.plan import Delivery

LEAST = 0.0005  # seconds; measured: halves the senders' p99 beside busy couriers, at no CPU
EACH = 0.000005  # seconds for each courier: 200,000 questions a second at most


def interval(couriers: int) -> float:
    """Seconds that a thread keeps the interpreter when others want it."""
    return max(LEAST, couriers * EACH)


def keep_pace(*plans: Sequence[Delivery]) -> None:
    """For all of these deliveries at once: while a reload goes on, those of before and those of after."""
    sys.setswitchinterval(interval(sum(delivery.settings.couriers for plan in plans for delivery in plan)))
