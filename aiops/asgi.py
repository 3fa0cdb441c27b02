"""The web process. It refuses to start on a wrong workflow file."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
# Settings give this process a pool of connections.
os.environ["AIOPS_SERVES"] = "web"
django_application = get_asgi_application()

from django.conf import settings  # noqa: E402  # needs Django to be set up

from aiops.api.crowd import Crowd  # noqa: E402
from aiops.body_limit import BodyLimit  # noqa: E402
from aiops.execution.catalog import load_workflows  # noqa: E402
from aiops.telemetry import logs  # noqa: E402

# What the server writes down of requests and errors is written as everything is: without secrets.
logs.take_over("uvicorn", "uvicorn.access")

if not settings.ALLOWED_HOSTS:
    raise RuntimeError("ALLOWED_HOSTS is not set: name the hosts by which this console is reached")
load_workflows()
application = Crowd(
    BodyLimit(
        django_application,
        most_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        most_s=settings.AIOPS_BODY_S,
    )
)
