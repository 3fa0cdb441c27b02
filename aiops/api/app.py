"""The API: one object that all routers hang on. Version 1 lives under /api/v1/."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from aiops.api import problems, runs, stream
from aiops.api.auth import Bearer
from aiops.api.problems import Problem

api = NinjaAPI(title="AI operations", version="1", urls_namespace="api-1", auth=Bearer())


@api.exception_handler(Problem)
def tell(request: HttpRequest, problem: Any) -> HttpResponse:
    return problems.answer(request, problem)


api.add_router("/runs", runs.router)
api.add_router("/runs", stream.router)
