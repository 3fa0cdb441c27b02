"""The Celery application: its settings, and the database connections of its workers."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import task_postrun, task_prerun, worker_process_shutdown
from kombu import Exchange, Queue

from aiops.pools import POOLS
from aiops.telemetry import logs, spans

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")

#: Longest time a message may be unacknowledged before the broker gives it to another worker;
#: above the longest step, because a redelivery is one more duplicate.
VISIBILITY_TIMEOUT_S = 12 * 3600

app = Celery("aiops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    imports=("tasks.engine", "tasks.clock"),
    # One named queue per pool; a typing error in a queue's name must not lose messages.
    task_queues=[
        Queue(pool.queue, Exchange(pool.queue), routing_key=pool.queue) for pool in POOLS.values()
    ],
    task_default_queue=POOLS["control"].queue,
    task_create_missing_queues=False,
    task_serializer="json",
    accept_content=["json"],
    result_accept_content=["json"],
    enable_utc=True,
    timezone="UTC",
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "retry_on_timeout": True,
        "health_check_interval": 10,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 3,
        "global_keyprefix": "aiops:",
        # Lower is sooner: interactive runs publish at 0, batch runs at 9.
        "priority_steps": [0, 9],
        "queue_order_strategy": "priority",
    },
    broker_connection_timeout=3,
    broker_connection_retry_on_startup=True,
    task_publish_retry=True,
    task_publish_retry_policy={
        "max_retries": 2,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.5,
    },
    # The record is ours; a result key is kept only where a chord counts.
    task_ignore_result=True,
    result_expires=3600,
    result_chord_expires=7 * 24 * 3600,
    redis_socket_timeout=10,
    redis_socket_connect_timeout=5,
    redis_socket_keepalive=True,
    redis_retry_on_timeout=True,
    result_backend_always_retry=True,
    result_backend_max_retries=10,
    result_backend_transport_options={
        "global_keyprefix": "aiops:",
        # Celery's own goes on for 20 s, in which a keeper that sends a chord does nothing else.
        "retry_policy": {
            "max_retries": 3,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
    },
    task_acks_late=True,
    task_acks_on_failure=True,
    task_acks_on_timeout=True,
    task_reject_on_worker_lost=False,
    task_retry_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_max_tasks_per_child=500,
    worker_soft_shutdown_timeout=60,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # Flower turns them on while it runs; unwatched, they would cost a tenth of a step.
    worker_send_task_events=False,
    # A late task-sent event would overwrite the step's name (shadow) in Flower.
    task_send_sent_event=False,
    event_queue_expires=60,
    worker_hijack_root_logger=False,
    beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler",
    beat_max_loop_interval=5,
    beat_cron_starting_deadline=1800,
    # Beat writes it among the schedules when it starts; there it may be paused.
    beat_schedule={
        "Schedules: start what is due": {
            "task": "tasks.start_due",
            "schedule": 5.0,
            # One that waited longer finds nothing that the next does not.
            "options": {"expire_seconds": 20},
        },
        "Retention: delete what nobody needs any more": {
            "task": "tasks.sweep",
            "schedule": crontab(minute="20"),
            "options": {"expire_seconds": 3000},
        },
    },
)


#: A connection that was used within this time is taken to be alive; the engine's own statements
#: wait out an outage in any case.
CHECK_CONNECTION_S = 10.0

_last_check = threading.local()

#: Messages whose first argument is a run.
_ABOUT_A_RUN = frozenset({"tasks.run_steps", "tasks.run_items", "tasks.join"})


@task_prerun.connect
@task_postrun.connect
def drop_stale_connections(**_: Any) -> None:
    """Let a worker outlive a restart of the database: now and then check the kept connection."""
    from django.db import close_old_connections

    now = time.monotonic()
    if now - getattr(_last_check, "at", 0.0) > CHECK_CONNECTION_S:
        _last_check.at = now
        close_old_connections()


@task_prerun.connect
def say_what_it_is_about(task: Any = None, args: Any = (), task_id: str = "", **_: Any) -> None:
    """Let every log line of a message name the message and its run."""
    about = {"run": args[0]} if args and getattr(task, "name", "") in _ABOUT_A_RUN else {}
    logs.bind(task_id=task_id, **about)


@task_postrun.connect
def say_no_more(**_: Any) -> None:
    logs.unbind()


@worker_process_shutdown.connect
def hand_over_spans(**_: Any) -> None:
    """A child of a prefork worker ends without the usual farewells."""
    spans.flush()
