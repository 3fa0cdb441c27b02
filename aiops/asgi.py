"""The web process. It refuses to start on a wrong workflow file."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
# Settings give this process a pool of connections.
os.environ["AIOPS_SERVES"] = "web"
application = get_asgi_application()

from aiops.execution.catalog import load_workflows  # noqa: E402  # needs Django to be set up

load_workflows()
