"""The API: one object that all routers hang on. Version 1 lives under /api/v1/."""

from __future__ import annotations

from ninja import NinjaAPI

from aiops.api import events, handling, runs, stream
from aiops.api.auth import Bearer

api = NinjaAPI(title="AI operations", version="1", urls_namespace="api-1", auth=Bearer())
handling.install(api)

api.add_router("/runs", runs.router)
api.add_router("/events", events.router)
api.add_router("/runs", stream.router)
