"""Celery's broker in a folder, with messages that are seen only when they are whole.

kombu's own writes a message where its reader already looks, and a worker that reads half a message ends.
"""

from __future__ import annotations

import os
import uuid
from time import monotonic_ns
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

NAME = "folder"


class Channel(filesystem.Channel):
    """Writes beside, then moves."""

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]  # as kombu does
        name = f"{monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        beside = os.path.join(self.data_folder_out, f"{name}.part")
        with open(beside, "w", encoding="utf-8") as file:
            file.write(dumps(payload))
        os.rename(beside, os.path.join(self.data_folder_out, name))


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES[NAME] = f"{__name__}:Transport"
