"""Delivery receipts, for an application: submit records to a gateway, and ask what became of them.

    with Client("https://gateway.example.com:4317", token=…, ca_file="ca.pem") as gateway:
        receipts = gateway.submit(records)           # durable when it returns
        fates = gateway.wait(receipts, timeout=30)   # delivered, dead, filtered … at each exporter

Guarantees: what `submit` returned for is in the gateway's journal; whatever fails is a GatewayError whose sentence says
what and why. Any thread may call; a coroutine does with `await asyncio.to_thread(gateway.submit, records)`. Needs the
extra `gateway` (grpcio); an application that sends OTLP/HTTP needs none of this.
"""

from otelsiem.receipts.client import Client, Records
from otelsiem.receipts.words import Fate, GatewayError, Kind, Receipt, RejectedError

__all__ = ["Client", "Fate", "GatewayError", "Kind", "Receipt", "Records", "RejectedError"]
