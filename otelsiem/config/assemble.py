"""A configuration that may start → the plan of a gateway. Nothing is opened here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from otelsiem.config.model import Config, Exporter, ExporterSettings, Grpc, Http, JournalSettings
from otelsiem.delivery.policy import Policy
from otelsiem.destinations.console import Console
from otelsiem.door import Pipeline
from otelsiem.exporter import Settings
from otelsiem.gateway.locks import OPEN, Lock
from otelsiem.gateway.plan import Delivery, Listener, Plan
from otelsiem.journal.journal import Journal
from otelsiem.journal.trim import History
from otelsiem.model.destination import Limits


def assemble(config: Config, *, tty: bool = False) -> Plan:
    """The gateway that this configuration describes; `tty`: whether standard output is a terminal."""
    service = config.service
    pipelines = {
        name: Pipeline(name, [config.processors[id_] for id_ in pipeline.processors])
        for name, pipeline in service.pipelines.items()
    }
    used = {id_ for pipeline in service.pipelines.values() for id_ in pipeline.receivers}
    return Plan(
        listeners=[_listener(config, id_) for id_ in sorted(used)],
        routes={id_: _fed(config, id_, pipelines) for id_ in used},
        deliveries=[
            _delivery(name, config.exporters[id_], tty=tty)
            for name, pipeline in service.pipelines.items()
            for id_ in pipeline.exporters
        ],
        open_journal=journal_opener(service.journal),
        directory=service.journal.directory,
        journal_name=f"{service.journal.type} {service.journal.directory}",
        admin=str(service.admin.endpoint),
        drain=service.shutdown.drain_timeout,
        room=service.journal.max_size_mib << 20 if service.journal.type == "sqlite" else 0,
        history=_history(service.journal),
    )


def journal_opener(settings: JournalSettings) -> Callable[[], Journal]:
    """How to open the journal these settings describe."""

    def open_it() -> Journal:
        if settings.type == "memory":
            from otelsiem.journal.memory import MemoryJournal

            return MemoryJournal()
        from otelsiem.journal.sqlite import SqliteJournal

        return SqliteJournal(settings.directory, max_size_mib=settings.max_size_mib, history=_history(settings))

    return open_it


def _history(settings: JournalSettings) -> History:
    return History(age=settings.history.age, size=settings.history.size)


def _listener(config: Config, id_: str) -> Listener:
    protocols = config.receivers[id_].protocols
    grpc, http = protocols.grpc, protocols.http
    return Listener(
        id_,
        str(grpc.endpoint) if grpc else "",
        str(http.endpoint) if http else "",
        (grpc.max_recv_msg_size_mib << 20) if grpc else 0,
        http.max_request_body_size if http else 0,
        _lock(config, grpc),
        _lock(config, http),
    )


def _lock(config: Config, protocol: Grpc | Http | None) -> Lock:
    if protocol is None:
        return OPEN
    auth = protocol.auth.authenticator if protocol.auth else ""
    return Lock(
        protocol.tls.value if protocol.tls else None,
        config.extensions[auth].value(auth) if auth else None,
        protocol.include_metadata.value,
    )


def _fed(config: Config, receiver: str, pipelines: dict[str, Pipeline]) -> Sequence[Pipeline]:
    return [pipelines[name] for name, written in config.service.pipelines.items() if receiver in written.receivers]


def _delivery(pipeline: str, exporter: Exporter, *, tty: bool) -> Delivery:
    to = exporter.destination.resolved(tty=tty) if isinstance(exporter.destination, Console) else exporter.destination
    written = exporter.settings
    queue = written.sending_queue
    settings = Settings(
        exporter.id,
        _policy(written),
        _limits(written, to.limits),
        queue.num_consumers,
        written.match,
        written.rate_limit.events_per_second if written.rate_limit else 0.0,
        (written.rate_limit.burst or 0.0) if written.rate_limit else 0.0,
    )
    return Delivery(pipeline, settings, to, written.start_at, written.resume or "")


def _policy(written: ExporterSettings) -> Policy:
    retry = written.retry_on_failure
    return Policy(
        initial=retry.initial_interval,
        longest=retry.max_interval,
        multiplier=retry.multiplier,
        jitter=retry.randomization_factor,
        max_retries=retry.max_retries if retry.enabled else 0,
        max_elapsed=retry.max_elapsed_time,
        probe_interval=written.hold.probe_interval,
    )


def _limits(written: ExporterSettings, own: Limits) -> Limits:
    """The destination's limits, made smaller where the user says so, never larger."""
    batch = written.sending_queue.batch
    limits = dataclasses.replace(own, age=batch.flush_timeout)
    if batch.max_size is None:
        return limits
    if batch.sizer == "bytes":
        return dataclasses.replace(limits, bytes=min(own.bytes, batch.max_size))
    return dataclasses.replace(limits, records=min(own.records, batch.max_size))
