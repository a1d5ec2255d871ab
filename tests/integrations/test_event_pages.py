"""The how-to pages on typed events, Celery, gRPC and agents, done as they say: real programs, Splunk a strict fake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest

from otelsiem.testing.hec import FakeHec
from tests.integrations import celery_broker
from tests.integrations.celery_worker import killed
from tests.program import Program, answers, free_port

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"^<!-- example: (\S+) -->\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as made:
        yield made


def examples(page: str, folder: Path) -> None:
    """The page's blocks, each a file of its name."""
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    found = EXAMPLE.findall(text)
    assert text.count("```python") == len(found) > 0
    for name, code in found:
        (folder / name).write_text(code, "utf-8")


def environment(splunk: FakeHec, **more: str) -> Mapping[str, str]:
    known = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL", "SIEM"))}
    ours = {"SPLUNK_HEC_URL": splunk.url, "SPLUNK_HEC_TOKEN": splunk.token, "PYTHONPATH": str(ROOT)}
    return {**known, **ours, **more}


def run(folder: Path, env: Mapping[str, str], *argv: str) -> None:
    done = subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def within(folder: Path, script: str, *argv: str) -> list[str]:
    """A command that runs it in that folder."""
    code = "import os, runpy, sys; os.chdir(sys.argv.pop(1)); sys.path.insert(0, ''); del sys.argv[0]; "
    return [sys.executable, "-c", f"{code}runpy.run_path(sys.argv[0], run_name='__main__')", str(folder), script, *argv]


def arrived(splunk: FakeHec, count: int) -> list[dict[str, Any]]:
    return [one.event for one in splunk.wait_for(count, 30)]


def test_typed_events(splunk: FakeHec, tmp_path: Path) -> None:
    examples("typed-events.md", tmp_path)
    run(tmp_path, environment(splunk), "main.py")
    login, anomaly, risk, compliance = arrived(splunk, 4)
    assert (login["event_type"], login["user_id"], login["outcome"]) == ("authentication_failure", "u-7", "failure")
    assert (anomaly["risk_score"], anomaly["mitre_attack"]["technique"]) == (0.93, "T1555")
    assert (anomaly["agent_id"], anomaly["target"]["id"], anomaly["severity"]) == ("agent-456", "vault-1", "high")
    assert (risk["metadata"]["risk.score_change"], risk["severity"]) == (32.5, "high")
    assert (compliance["policy"], compliance["outcome"]) == ("baseline", "failure")
    assert compliance["metadata"]["violations.critical_count"] == 1
    assert {one["tenant_id"] for one in (login, anomaly, risk, compliance)} == {"acme"}


LAUNCH = """
import sys
from pathlib import Path
from tests.integrations import celery_broker
from tests.integrations.celery_worker import killed
import jobs
options = {key: str(Path("queue").absolute()) for key in ("data_folder_in", "data_folder_out", "control_folder")}
Path("queue").mkdir(exist_ok=True)
jobs.app.conf.update(broker_transport_options={**options, "polling_interval": 0.05})
if sys.argv[1] == "send":
    jobs.request_comes_in()
else:
    jobs.app.worker_main(["worker", "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"])
"""


def test_celery(splunk: FakeHec, tmp_path: Path) -> None:
    examples("celery.md", tmp_path)
    (tmp_path / "launch.py").write_text(LAUNCH, "utf-8")
    env = environment(splunk, BROKER_URL=f"{celery_broker.NAME}://")
    (tmp_path / "queue").mkdir()
    run(tmp_path, env, "launch.py", "send")
    worker = Program(within(tmp_path, "launch.py", "work"), tmp_path / "worker.log", env)
    try:
        events = arrived(splunk, 3)
    finally:
        killed(worker)
    told = sorted((one["event_type"], one.get("outcome", ""), one.get("error_type", "")) for one in events)
    assert told == [
        ("refund", "", ""), ("workflow_execution", "failure", "TimeoutError"), ("workflow_execution", "success", ""),
    ]  # fmt: skip
    assert {(one["user_id"], one["tenant_id"]) for one in events} == {("u-7", "acme")}
    [order] = [one["metadata"]["audit.arguments.order"] for one in events if one.get("outcome") == "success"]
    assert order == 4711
    assert "4111" not in str(events)


def test_grpc(splunk: FakeHec, tmp_path: Path) -> None:
    examples("grpc.md", tmp_path)
    port = free_port()
    program = Program(within(tmp_path, "server.py", str(port)), tmp_path / "log", environment(splunk))
    with program:
        program.ready(lambda: answers(port))
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            transfer: Any = channel.unary_unary("/bank.Accounts/Transfer")  # type: ignore[call-arg]  # bytes need no serializers
            metadata = (("x-user", "u-7"), ("x-tenant", "acme"))
            assert transfer(b"5", metadata=metadata) == b"done"
            with pytest.raises(grpc.RpcError):
                transfer(b"too much", metadata=metadata)
        events = arrived(splunk, 4)
    assert [one["event_type"] for one in events] == ["transfer", "account_access"] * 2
    assert {(one["user_id"], one["tenant_id"], one["src_ip"]) for one in events} == {("u-7", "acme", "127.0.0.1")}
    good, denied = events[1], events[3]
    assert (good["action"], good["outcome"]) == ("bank.Accounts/Transfer", "success")
    assert (denied["outcome"], denied["decision"]) == ("failure", "deny")
    assert denied["metadata"]["rpc.response.status_code"] == "PERMISSION_DENIED"


def test_mcp(splunk: FakeHec, tmp_path: Path) -> None:
    examples("mcp.md", tmp_path)
    run(tmp_path, environment(splunk), "agent.py")
    events = arrived(splunk, 6)
    mine = [one for one in events if one["source"] == "assistant"]
    assert [(one["event_type"], one.get("tool_name"), one.get("outcome")) for one in mine] == [
        ("prompt_injection_attempt", None, None),
        ("policy_decision", None, "success"),
        ("tool_call", "search", "success"),
        ("tool_call", "send_mail", "failure"),
        ("tool_call", "read_file", "success"),
    ]
    assert {(one["agent_id"], one["tenant_id"], one["actor_type"]) for one in mine} == {("agent-456", "acme", "agent")}
    [server] = [one for one in events if one["source"] == "files"]
    assert (server["tool_name"], server["tenant_id"], server["mcp_method"]) == ("read_file", "acme", "tools/call")
    name = "gen_ai.tool.call.arguments.sha256"
    assert server["metadata"][name] == mine[-1]["metadata"][name]
    assert mine[0]["mitre_attack"]["technique"] == "AML.T0051"
    assert not [
        word for word in ("salaries", "business", "ignore all", "a@example.com", "notes") if word in str(events)
    ]
