"""A promise that was not kept, as it lies before a person in the console."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from aiops.execution import escalate
from aiops.models import Escalation, Promise
from tests.execution.orders import begun

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked() -> Escalation:
    run = begun(title="Order A1")
    Promise.objects.create(run=run, address="ada@example.org", state="broken", tries=7)
    escalate.ask_of_run(run.id, "promise", "A mail that was promised could not be sent.")
    return Escalation.objects.get(run=run)


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ann"))
    return client


def test_the_request_offers_both_answers(admin: Client, asked: Escalation) -> None:
    page = admin.get(reverse("admin:aiops_escalation_change", args=[asked.id])).content.decode()

    assert "Send again" in page
    assert "Let it be" in page


@pytest.mark.parametrize(("verb", "state"), [("send_again", "waiting"), ("let_it_be", "dropped")])
def test_each_answer_says_what_follows_and_is_carried_out_by_a_post(
    admin: Client, asked: Escalation, verb: str, state: str
) -> None:
    query = {"escalation": str(asked.id)}
    url = reverse("admin:aiops_run_do", args=[asked.run_id, verb], query=query)
    plan = admin.get(url).content.decode()
    before = Promise.objects.get().state
    carried = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', plan))

    answered = admin.post(url, {**carried, "reason": "called"})

    assert "mail" in plan
    assert (before, answered.status_code) == ("broken", 302)
    assert Promise.objects.get().state == state
    assert Escalation.objects.get().answer == verb
