"""A running gateway whose configuration comes from everywhere at once, and whose log shows none of its secrets."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.cli.server import Server
from tests.program import Program, answers, eventually, free_port

TEXT = """\
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${env:HTTP}"}}}}
exporters:
  splunk_hec: {endpoint: "${env:SPLUNK}", token: "${env:TOKEN}", headers: {X-Key: typed-5eCr3t}}
  file: {path: overwritten.jsonl}
  console: {enabled: false}
service: {pipelines: {logs: {receivers: [otlp], exporters: [splunk_hec, file, console]}}}
"""


def test_files_settings_and_environment_files_make_one_gateway(tmp_path: Path) -> None:
    http, admin = free_port(), free_port()
    with Server() as splunk:
        splunk.say("/services/collector/event", {"text": "Success", "code": 0})
        (tmp_path / "c.yaml").write_text(TEXT)
        (tmp_path / "soc.env").write_text(f"HTTP={http}\nSPLUNK={splunk.base}\nTOKEN='file-5eCr3t' # mine\n")
        argv = [
            sys.executable, "-m", "otelsiem", "run", "--config", str(tmp_path / "c.yaml"),
            "--config", f"yaml:service::journal::directory: {tmp_path}/data",
            "--set", f"service.admin.endpoint=127.0.0.1:{admin}",
            "--set", f"exporters.file.path={tmp_path}/events.jsonl",
            "--set", "exporters.splunk_hec.headers={X-Key: line-5eCr3t}",
            "--env-file", str(tmp_path / "soc.env"),
        ]  # fmt: skip
        with Program(argv, tmp_path / "log") as running:
            running.ready(lambda: answers(http) and answers(admin))
            send = [sys.executable, "-m", "otelsiem", "send", "--timeout", "30s", *argv[4:]]
            with Program(send, tmp_path / "sent") as sent:
                assert sent.finish() == 0, sent.tail()
            eventually((tmp_path / "events.jsonl").exists, 10, "the file that --set named")
        asked = [one for one in splunk.asked if one.body]
    assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[0])["event_type"] == "otelsiem_test"
    assert asked[-1].headers["authorization"] == "Splunk file-5eCr3t"
    assert asked[-1].headers["x-key"] == "line-5eCr3t"
    assert not (tmp_path / "overwritten.jsonl").exists()
    log = (tmp_path / "log").read_text() + (tmp_path / "sent").read_text()
    assert "--set exporters.splunk_hec.headers.X-Key: is a secret that everybody on this machine can see" in log
    assert "5eCr3t" not in log
