"""What Splunk's HEC answers: each code with its HTTP status and text, and the bodies that carry them.

From docs/contracts (splunk-hec §6). The texts of 24 to 28 are ours: the vendor's pages give the numbers and statuses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from otelsiem.testing.http import Respond

JSON = "application/json; charset=UTF-8"

CODES: Final[Mapping[int, tuple[int, str]]] = {
    0: (200, "Success"),
    1: (403, "Token disabled"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    8: (500, "Internal server error"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    11: (400, "Invalid data channel"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    14: (400, "ACK is disabled"),
    15: (400, "Error in handling indexed fields"),
    16: (400, "Query string authorization is not enabled"),
    17: (200, "HEC is healthy"),
    18: (503, "HEC is unhealthy, queues are full"),
    19: (503, "HEC is unhealthy, ack service unavailable"),
    20: (503, "HEC is unhealthy, queues are full, ack service unavailable"),
    21: (400, "Invalid token"),
    22: (400, "Token disabled"),
    23: (503, "Server is shutting down"),
    24: (200, "Queue is near capacity"),
    25: (200, "ACK channel is near capacity"),
    26: (429, "Queue is at capacity"),
    27: (429, "ACK channel is at capacity"),
    28: (400, "Data channel is missing or not sticky"),
}


def coded(code: int, *, number: int | None = None, ack: int | None = None, text: str = "", status: int = 0) -> Respond:
    """The answer with this code; `number` is `invalid-event-number`, `ack` the `ackId`."""
    usual, words = CODES.get(code, (400, "Unknown"))
    body: dict[str, object] = {"text": text or words, "code": code}
    if number is not None:
        body["invalid-event-number"] = number
    if ack is not None:
        body["ackId"] = ack
    return said(status or usual, body)


def said(status: int, body: Mapping[str, object]) -> Respond:
    """An answer with this JSON."""
    return Respond(status, json.dumps(body, separators=(",", ":")).encode(), {"Content-Type": JSON})
