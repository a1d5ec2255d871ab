"""Which version of the SDK these tests see: `tests/peers/test_otel_sdk.py` runs them with several."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import opentelemetry.sdk.version
import pytest


@pytest.mark.skipif("TESTED_OTEL_SDK" not in os.environ, reason="with whatever version is installed")
def test_it_is_the_one_that_was_meant() -> None:
    meant = os.environ["TESTED_OTEL_SDK"]
    for package in ("api", "sdk", "proto"):
        assert version(f"opentelemetry-{package}").rpartition(".")[0] == meant
    assert opentelemetry.sdk.version.__version__.rpartition(".")[0] == meant
    assert Path(opentelemetry.sdk.version.__file__).is_relative_to(os.environ["PYTHONPATH"].split(os.pathsep)[0])
