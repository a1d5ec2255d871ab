"""`otelsiem run`: the gateway, until SIGTERM or SIGINT. SIGHUP reads the configuration again."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.options import ConfigFiles, EnvFiles, Sets, configuration

if TYPE_CHECKING:
    from otelsiem.config.model import Config
    from otelsiem.gateway.plan import Plan


class LogFormat(StrEnum):
    """How its own log is written."""

    TEXT = "text"
    JSON = "json"


def run(  # noqa: PLR0917 - typer calls it by name
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every retry as well.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Its own log, on standard error: key=value, or JSON lines.")
    ] = LogFormat.TEXT,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", metavar="EXPORTER", help="Give up what is pending for an exporter that is gone."),
    ] = None,
) -> None:
    """Take OTLP log records and deliver them.

    Until SIGTERM or SIGINT. Without --config: the embedded configuration. A wrong one does not start; all its problems
    are told at once.

    \b
    otelsiem run
    otelsiem run --config otelsiem.yaml --log-format json
    """
    from otelsiem.telemetry import log

    lines = log_format is LogFormat.JSON
    log.configure(logging.DEBUG if verbose else logging.INFO, as_json=lines)
    with exits.logged() if lines else exits.told():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it would end us; the service takes it up
        checked = configuration(config, sets, env_file)
        if lines:
            _warn(checked)
        else:
            say.warnings(checked.warnings)
        from otelsiem.config.assemble import assemble
        from otelsiem.gateway.service import Service

        tty = sys.stdout.isatty()

        def again() -> Plan:
            """For a reload: the same sources once more."""
            checked = configuration(config, sets, env_file)
            _warn(checked)
            return assemble(checked, tty=tty)

        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(Service(assemble(checked, tty=tty), again, forget or ()).run())


def _warn(checked: Config) -> None:
    for warning in checked.warnings:
        logging.getLogger("otelsiem.config").warning("msg=%r", str(warning))


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where there is one (not on Windows)."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
