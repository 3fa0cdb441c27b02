"""The shop's pages: ask a question, watch its answer come, and hear from the server."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from aiops_client.outbox.models import Start
from aiops_client.outbox.sending import start
from aiops_client.receiving import WebhookVerificationError, read
from shop.models import Question, Told


class QuestionForm(ModelForm):  # type: ignore[type-arg]  # plain Django has no generic forms
    class Meta:
        model = Question
        fields = ("sender", "subject", "body")


def ask(request: HttpRequest) -> HttpResponse:
    """The form. The question and the run are one transaction: both are kept, or neither."""
    form = QuestionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            question: Question = form.save(commit=False)
            question.start = start("support_reply", form.cleaned_data, title=question.subject)
            question.save()
        return redirect("question", question.pk)
    return render(request, "shop/ask.html", {"form": form, "asked": Question.objects.all()[:20]})


def question(request: HttpRequest, number: int) -> HttpResponse:
    """One question, with the server's widget as soon as the run has begun."""
    found = get_object_or_404(Question.objects.select_related("start"), pk=number)
    shown = {"question": found, "server": settings.AIOPS_SERVER}
    return render(request, "shop/question.html", shown)


@csrf_exempt
@require_POST
def hook(request: HttpRequest) -> HttpResponse:
    """What the server tells: signed, and taken once."""
    try:
        event = read(request.body, request.headers, settings.AIOPS_WEBHOOK_SECRET)
    except WebhookVerificationError:
        return HttpResponse(status=401)
    with transaction.atomic():
        _, is_new = Told.objects.get_or_create(id=event.id)
        if is_new and event.type == "aiops.run.succeeded":
            starts = Start.objects.filter(run_id=event.run_id)
            Question.objects.filter(start__in=starts).update(is_answered=True)
    return HttpResponse(status=204)
