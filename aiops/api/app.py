"""The API: one object that all routers hang on. Version 1 lives under /api/v1/."""

from __future__ import annotations

from ninja.openapi.docs import Swagger

from aiops.api import handling, nowhere, one_run, questions, runs, verbs, workflows
from aiops.api.auth import Bearer
from aiops.api.document import ABOUT, Documented
from aiops.api.open_docs import for_who_may_read
from aiops.api.reading import Reader

api = Documented(
    title="AI operations",
    version="1",
    description=ABOUT,
    urls_namespace="api-1",
    auth=Bearer(),
    parser=Reader(),
    docs_decorator=for_who_may_read,
    # The page would show a badge that sends the document's address to another host.
    docs=Swagger({"validatorUrl": None}),
)
handling.install(api)

api.add_router("/runs", runs.router)
api.add_router("/runs", one_run.router)
api.add_router("/runs", verbs.router)
api.add_router("/questions", questions.router)
api.add_router("/workflows", workflows.router)
# The last: it takes whatever is left.
api.add_router("", nowhere.router)
