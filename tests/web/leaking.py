"""The web process as it is, with views that break."""

from django.conf import settings

from aiops.asgi import application

settings.ROOT_URLCONF = "tests.web.leaky"

__all__ = ["application"]
