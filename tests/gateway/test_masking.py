"""What `mask` masks reaches no disk of ours and no destination: a real gateway, and every byte it leaves behind."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp.encode import encode
from tests.gateway_process import Gateway
from tests.program import eventually, free_port

SECRETS = ("hunter2-planted", "4111 1111 1111 1111", "mask-key-planted-0123")
RECORD = Record(
    event="payment",
    body=f"paid with {SECRETS[1]}",
    attributes={"db.password": SECRETS[0], "user": {"Password": [SECRETS[0]]}, "user.id": "u-7"},
)


def test_p4_what_is_masked_is_on_no_disk_and_in_no_request(tmp_path: Path) -> None:
    (tmp_path / "mask.key").write_text(f"{SECRETS[2]}\n")
    out = tmp_path / "out.jsonl"
    hec = {"endpoint": f"http://127.0.0.1:{free_port()}", "token": "t"}  # nobody answers: it stays in the journal
    mask = {"keys": ["password"], "kinds": ["card"], "mode": "hmac", "key": f"${{file:{tmp_path}/mask.key}}"}
    with Gateway(tmp_path / "gateway", {"file": {"path": str(out)}, "splunk_hec": hec}, {"mask": mask}) as running:
        for _ in range(3):
            send(running.http)
        eventually(lambda: out.exists() and len(out.read_text().splitlines()) == 3, 20, "they are there")
    (tmp_path / "mask.key").unlink()
    for line in out.read_text().splitlines():
        event = json.loads(line)
        assert event["user_id"] == "u-7"
        assert event["message"].startswith("paid with hmac:")
        assert event["metadata"]["db.password"].startswith("hmac:")
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if path.suffix == ".db" or "journal" in path.name], kept
    for path in kept:
        for secret in SECRETS:
            assert secret.encode() not in path.read_bytes(), path


def send(port: int) -> None:
    batch = [Group({"service.name": "shop"}, Scope("shop"), [RECORD])]
    headers = {"Content-Type": "application/x-protobuf"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/logs", encode(batch), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
