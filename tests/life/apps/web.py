"""A WSGI application that audits, as small as one can be. What it is told comes from its environment:

LIFE_HEC (where to), LIFE_JOURNAL (a directory), LIFE_AT_IMPORT (audit this while it is imported), LIFE_SIGTERM (flush
on SIGTERM), LIFE_SDK (a journal for the exporter of the SDK, which `/emit` writes to).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

import otelsiem

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

TOKEN = "11111111-2222-3333-4444-555555555555"

if not os.environ.get("LIFE_SDK"):
    otelsiem.configure(
        otelsiem.SplunkHec(endpoint=os.environ["LIFE_HEC"], token=TOKEN),
        journal=os.environ.get("LIFE_JOURNAL"),
        service_name="life",
        flush_on_sigterm=bool(os.environ.get("LIFE_SIGTERM")),
    )
provider = LoggerProvider(resource=Resource({"service.name": "life"}))
if os.environ.get("LIFE_SDK"):
    exporter = otelsiem.SiemLogExporter(
        otelsiem.SplunkHec(endpoint=os.environ["LIFE_HEC"], token=TOKEN), journal=os.environ["LIFE_SDK"]
    )
    provider.add_log_record_processor(otelsiem.AuditLogRecordProcessor(BatchLogRecordProcessor(exporter)))
if os.environ.get("LIFE_AT_IMPORT"):
    otelsiem.audit("imported", name=f"{os.environ['LIFE_AT_IMPORT']}-{os.getpid()}")


def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    asked = dict(parse_qsl(environ["QUERY_STRING"]))
    answer: dict[str, Any] = {"pid": os.getpid()}
    if environ["PATH_INFO"] == "/audit":
        otelsiem.audit("asked", name=asked["name"])
    elif environ["PATH_INFO"] == "/durable":
        receipt = otelsiem.audit("asked", name=asked["name"], durable=True)
        answer["id"] = receipt.id if receipt is not None else ""
    elif environ["PATH_INFO"] in ("/emit", "/emit_durably"):
        provider.get_logger("web").emit(LogRecord(event_name="asked", attributes={"name": asked["name"]}))
        if environ["PATH_INFO"] == "/emit_durably":
            provider.force_flush()  # journaled: what was exported is on disk
    elif environ["PATH_INFO"] == "/threads":
        answer["threads"] = sorted(thread.name for thread in threading.enumerate())
        answer["native"] = len(os.listdir("/proc/self/task"))
    start_response("200 OK", [("Content-Type", "application/json"), ("Connection", "close")])
    return [json.dumps(answer).encode()]
