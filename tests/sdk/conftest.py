"""Every test hears every complaint."""

from __future__ import annotations

import pytest

from otelsiem.sdk import complaint


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> None:
    complaint.forget()
