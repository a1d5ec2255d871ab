"""`otelsiem run`: the gateway, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.options import ConfigFiles, configuration


def run(
    config: ConfigFiles = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every retry as well.")] = False,
) -> None:
    """Take OTLP log records and deliver them. Without --config: the embedded configuration.

    A wrong configuration does not start; all its problems are told at once.
    """
    with exits.told():
        checked = configuration(config)
        for warning in checked.warnings:
            say.note(f"warning: {warning}")
        from otelsiem.config.assemble import assemble
        from otelsiem.gateway.service import Service
        from otelsiem.telemetry import log

        log.configure(logging.DEBUG if verbose else logging.INFO)
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(Service(assemble(checked, tty=sys.stdout.isatty())).run())


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where there is one (not on Windows)."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
