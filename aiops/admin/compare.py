"""The page that compares two attempts of a step."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse

from aiops.admin.content import refuse_without_content, show
from aiops.admin.page import compare
from aiops.execution import looking
from aiops.models import Step


class Compares:
    """What the admin of steps inherits first, to compare their attempts.

    What they took and gave is shown after a POST, which leaves an event.
    """

    def get_urls(self) -> list[URLPattern]:
        admin: Any = self
        view = admin.admin_site.admin_view(self.compare_view)
        name = "aiops_step_compare"
        return [path("<uuid:step_id>/compare/", view, name=name), *super().get_urls()]  # type: ignore[misc]  # a mixin

    def compare_view(self, request: HttpRequest, step_id: UUID) -> HttpResponse:
        admin: Any = self
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        if not admin.has_view_permission(request):
            raise PermissionDenied
        is_look = request.method == "POST"
        if is_look:
            refuse_without_content(request)
        step = Step.objects.select_related("run").filter(id=step_id).first()
        if step is None:
            raise Http404(f"There is no step {step_id}")
        reader = request.user.get_username() if is_look else ""
        context = {
            **_compared(step, request.GET.dict(), reader),
            "opts": admin.opts,
            "title": f"Compare attempts of {step}",
            "is_fullwidth": "1",
        }
        back = reverse("admin:aiops_run_change", args=[step.run_id]) + f"#step-{step.name}"
        return show(admin.admin_site, request, "console/compare.html", context, back)


def _compared(step: Step, wanted: dict[str, str], reader: str) -> dict[str, Any]:
    """Everything the template shows; with content for a `reader`."""
    own, good = compare.attempts_of(step), compare.last_good(step)
    choices = [(str(one.pk), compare.title(one, is_other=False)) for one in own]
    choices += [(compare.GOOD, compare.title(good, is_other=True))] if good else []
    context: dict[str, Any] = {"step": step, "choices": choices, "not_recorded": "not recorded"}
    sides = compare.choose(step, wanted, own, good)
    if sides is None:
        return context
    left, right = sides
    ids = [left.attempt.step_id, right.attempt.step_id]
    seen = looking.at_both(ids, reader) if reader else None
    tried = [(side.attempt.step_id, side.attempt.number) for side in (left, right)]
    asked = looking.at_attempts(tried, reader) if reader else []
    return {
        **context,
        "left": left,
        "right": right,
        "facts": compare.facts(left, right),
        "error": compare.errors(left, right),
        "contents": compare.contents(left, right, seen, asked) if seen else [],
    }
