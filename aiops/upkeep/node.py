"""A worker or keeper among others: its name, its reports, and what it finds when it starts again."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import (
    task_failure,
    task_retry,
    worker_init,
    worker_process_init,
    worker_ready,
)
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils import timezone

from aiops.execution import dispatch, recovery
from aiops.execution.patience import patiently
from aiops.models import Node

log = logging.getLogger(__name__)

REPORT_S = 10.0


@dataclass(slots=True)
class _Self:
    """The node this process belongs to; set when its worker starts."""

    name: str = ""


_self = _Self()


def worker_name() -> str:
    """This process and thread, as steps and attempts name it: `node/pid` or `node/pid:thread`."""
    name = _self.name or socket.gethostname()
    thread = threading.current_thread()
    suffix = "" if thread is threading.main_thread() else f":{thread.native_id}"
    return f"{name}/{os.getpid()}{suffix}"


#: The cause under which a keeper counts what it has sent again.
RESENT = "resent"


def count(cause: str, number: int = 1) -> None:
    """Count messages that did nothing, and those that were sent again."""
    Node.objects.filter(name=_self.name).update(
        counters=RawSQL(
            "jsonb_set(counters, ARRAY[%s], to_jsonb(coalesce((counters->>%s)::bigint, 0) + %s))",
            [cause, cause, number],
        )
    )


def report(role: str, pool: str = "", *, is_leader: bool = False, limbo: int | None = None) -> None:
    """Say that this node is alive, and how its clock stands to the database's."""
    skew_s = _skew_s()
    fields: dict[str, Any] = {
        "role": role,
        "pool": pool,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "pid_started": _started_ticks(os.getpid()),
        "seen_at": Now(),
        "skew_s": skew_s,
        "is_leader": is_leader,
        "limbo": limbo,
    }
    Node.objects.update_or_create(
        name=_self.name, defaults=fields, create_defaults={**fields, "started_at": timezone.now()}
    )


def begin(name: str) -> None:
    """Take a node's name, and take back what processes of this name were running when they died.

    A worker does it before it takes its first message: after that, its own steps are among them.
    """
    _self.name = name
    left = [step for step in recovery.of_node(name) if _is_left_by_the_dead(step.worker)]
    recovery.recover(left, "its worker was killed; the node started again")
    Node.objects.filter(name=name).update(started_at=timezone.now())


def _is_left_by_the_dead(worker: str) -> bool:
    """Whether the process of this name (see `worker_name`) on this host is gone.

    A child that outlived its parent goes on; and in a container an earlier process had our number.
    """
    pid = int(worker.rpartition("/")[2].partition(":")[0])
    return pid == os.getpid() or not _runs(pid)


def _runs(pid: int) -> bool:
    """Whether a process runs. One that is dead and that nobody has reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return sys.platform != "linux" or _started_ticks(pid) > 0


def _started_ticks(pid: int) -> int:
    """The start time of a process in clock ticks since boot; 0 when it is gone or not told."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The command in parentheses may hold spaces; the start time is the 20th field after it.
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] == "Z" else int(fields[19])


def _skew_s() -> float:
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (database,) = cursor.fetchone() or (0,)
        return (before + time.time()) / 2 - float(database)


# What a Celery worker says of itself


@worker_init.connect
def _begin(sender: Any = None, **_: Any) -> None:
    """Before the first message, and before a child is forked."""
    dispatch.publish_here()
    name = str(sender.hostname)
    try:
        patiently(lambda: begin(name))
    except (DatabaseError, InterfaceError) as error:
        # The leases that an earlier process left end by themselves.
        log.warning("node.begun_without_database error=%s", error)
    finally:
        connection.close()


@worker_process_init.connect
def _publish_from_children(**_: Any) -> None:
    dispatch.publish_here()


@worker_ready.connect
def _start_reporting(sender: Any = None, **_: Any) -> None:
    name = str(sender.hostname)
    threading.Thread(target=_keep_reporting, args=(name,), name="node", daemon=True).start()


def _keep_reporting(name: str) -> None:
    pool = name.partition("@")[0]
    while True:
        try:
            report("worker", pool)
        except (DatabaseError, InterfaceError) as error:
            log.warning("node.database_away error=%s", error)
            connection.close()
        time.sleep(REPORT_S)


@task_retry.connect
def _child_lost(request: Any = None, reason: Any = None, **_: Any) -> None:
    """In the parent, at once: its child died in the middle of a message."""
    if isinstance(getattr(reason, "exc", None), WorkerLostError):
        _take_back(request.args, request.id)


@task_failure.connect
def _child_gone(
    task_id: str = "", exception: BaseException | None = None, args: Any = (), **_: Any
) -> None:
    if isinstance(exception, WorkerLostError | TimeLimitExceeded):
        _take_back(args, task_id)


def _take_back(args: Any, task_id: str) -> None:
    try:
        run_id = UUID(args[0])
        recovery.recover(recovery.of_message(run_id, task_id), "its process was killed")
    except (DatabaseError, InterfaceError, ValueError, IndexError) as error:
        # The lease ends by itself, and the keeper sees it.
        log.warning("node.take_back_failed task=%s error=%s", task_id, error)
    finally:
        connection.close()
