"""An application with Celery tasks, for a worker process: everything it needs to know is in its environment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject

import otelsiem
from otelsiem.integrations.celery import audit_tasks
from otelsiem.model.secret import Secret
from tests.integrations import celery_broker

FOLDER = Path(os.environ["CELERY_APP_FOLDER"])

app = Celery("jobs", broker=f"{celery_broker.NAME}://")
for name in ("queue", "control"):
    (FOLDER / name).mkdir(parents=True, exist_ok=True)
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(FOLDER / "queue"),
        "data_folder_out": str(FOLDER / "queue"),
        "control_folder": str(FOLDER / "control"),
        "polling_interval": 0.05,
    },
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)

if "CELERY_APP_HEC" in os.environ:
    endpoint, token = os.environ["CELERY_APP_HEC"].split()
    otelsiem.configure(
        otelsiem.SplunkHec(endpoint=endpoint, token=Secret(token)),
        journal=FOLDER / "journal" if "CELERY_APP_MEMORY" not in os.environ else None,
        service_name="jobs",
    )
    audit_tasks(
        tasks=("jobs.*",),
        arguments={"jobs.pay": ("account",)},
        carry=True,
        durable="CELERY_APP_MEMORY" not in os.environ,
    )


def _receipt(text: str) -> None:
    with (FOLDER / "receipts").open("a") as file:
        file.write(f"{text}\n")


@app.task(name="jobs.pay")
def pay(account: str, amount: int) -> str:
    otelsiem.audit("payment", account=account)
    return f"secret result of {account}: {amount}"


@app.task(name="jobs.fail")
def fail(password: str) -> None:
    raise KeyError(password)


@app.task(name="jobs.again", bind=True, max_retries=2)
def again(self: Task[Any, Any]) -> None:
    if self.request.retries == 0:
        raise self.retry(exc=TimeoutError("secret"), countdown=0)


@app.task(name="jobs.refuse", acks_late=True)
def refuse() -> None:
    raise Reject("secret", requeue=False)


@app.task(name="jobs.slow", time_limit=1)
def slow() -> None:
    time.sleep(30)


@app.task(name="jobs.suicide")
def suicide() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="other.quiet")
def quiet() -> None:
    return None


@app.task(name="jobs.note")
def note(n: int) -> None:
    """Something durable, and something that is not."""
    otelsiem.audit("noted", n=n, durable=True)
    _receipt(f"noted {os.getpid()} {n}")
    otelsiem.audit("mentioned", n=n)
    _receipt(f"mentioned {os.getpid()} {n}")


@app.task(name="jobs.note_and_die")
def note_and_die(n: int) -> None:
    """Not between tasks: a child that is killed while it waits for one takes the lock of Celery's queue with it."""
    note.run(n)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="jobs.mention")
def mention(n: int) -> None:
    otelsiem.audit("mentioned", n=n)
    _receipt(f"mentioned {os.getpid()} {n}")
