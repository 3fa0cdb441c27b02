"""The API: one object that all routers hang on. Version 1 lives under /api/v1/."""

from __future__ import annotations

from ninja.openapi.docs import Swagger

from aiops.api import events, handling, one_run, questions, runs, stream, verbs, workflows
from aiops.api.auth import Bearer
from aiops.api.document import ABOUT, Documented
from aiops.api.open_docs import for_who_may_read

api = Documented(
    title="AI operations",
    version="1",
    description=ABOUT,
    urls_namespace="api-1",
    auth=Bearer(),
    docs_decorator=for_who_may_read,
    # The page would show a badge that sends the document's address to another host.
    docs=Swagger({"validatorUrl": None}),
)
handling.install(api)

api.add_router("/runs", runs.router)
api.add_router("/runs", one_run.router)
api.add_router("/runs", verbs.router)
api.add_router("/runs", stream.router)
api.add_router("/questions", questions.router)
api.add_router("/workflows", workflows.router)
api.add_router("/events", events.router)
