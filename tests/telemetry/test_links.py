"""A run's page leads to its trace and its logs, where settings say that there are any."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from aiops.execution.start import start_run
from aiops.telemetry import ids

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client, flows: None) -> Client:
    client.force_login(User.objects.create_superuser("ann"))
    return client


def test_the_page_of_a_run_links_to_its_trace_and_its_logs(
    admin: Client, settings: Settings
) -> None:
    settings.AIOPS_TRACE_URL = "https://traces.example.org/t/{trace_id}?run={run_id}"
    settings.AIOPS_LOG_URL = "https://logs.example.org/?q=run%3D{run_id}"
    run = start_run("thinking", {})

    text = admin.get(reverse("admin:aiops_run_change", args=[run.id])).content.decode()

    trace = ids.trace_hex(run.id)
    assert f'href="https://traces.example.org/t/{trace}?run={run.id}"' in text
    assert f'href="https://logs.example.org/?q=run%3D{run.id}"' in text
    assert text.count(trace) == 2


def test_without_settings_there_is_nothing_to_lead_to(admin: Client) -> None:
    run = start_run("thinking", {})

    text = admin.get(reverse("admin:aiops_run_change", args=[run.id])).content.decode()

    assert ids.trace_hex(run.id) not in text
    assert ">Logs<" not in text
