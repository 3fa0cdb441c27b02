"""The peer at the door: bare Django on the same server, with one view that writes a row and one that sends a task."""

from __future__ import annotations

import json
import os
import secrets

import dj_database_url
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from bench import peer

CREATE = "CREATE TABLE IF NOT EXISTS bench_bare (id bigserial PRIMARY KEY, body jsonb NOT NULL)"


def row(request: HttpRequest) -> HttpResponse:
    """Write what was sent as one row."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bench_bare (body) VALUES (%s) RETURNING id",
            [json.dumps(json.loads(request.body))],
        )
        [number] = cursor.fetchone()
    return JsonResponse({"id": number}, status=202)


def task(request: HttpRequest) -> HttpResponse:
    """Send what was sent as one task, as most applications do."""
    number = len(json.loads(request.body)["input"])
    sent = peer.app.send_task("peer.add_leanly", [number], queue=peer.QUEUES[0])
    return JsonResponse({"id": sent.id}, status=202)


urlpatterns = [path("row", row), path("task", task)]


def application_of_its_own() -> object:
    settings.configure(
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        # It says how long an answer is; without that, the server sends it in chunks.
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        USE_TZ=True,
        DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=300)},
    )
    django.setup(set_prefix=False)
    return get_asgi_application()


if os.environ.get("BENCH_BARE"):
    application = application_of_its_own()
