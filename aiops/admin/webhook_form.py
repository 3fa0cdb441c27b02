"""The form of a webhook."""

from __future__ import annotations

from typing import Any

from django import forms

from aiops.models import WebhookEndpoint
from aiops.models.ids import new_id
from aiops.models.webhook_kinds import KINDS
from aiops.webhooks.configure import Given


class EndpointForm(forms.Form):
    """What a person says of an endpoint. A new one gets its id here: a form sent twice makes one."""

    id = forms.UUIDField(widget=forms.HiddenInput, initial=new_id)
    name = forms.CharField(max_length=100, help_text="What people here call the receiver.")
    url = forms.CharField(
        label="URL",
        max_length=500,
        help_text="Where it listens, as https://host/path. It must be reachable from the Internet.",
    )
    tenant = forms.CharField(
        max_length=100,
        required=False,
        initial="default",
        help_text="Whose runs it is told of. Empty: those of every tenant.",
    )
    workflows = forms.CharField(
        required=False,
        help_text="Names, separated by commas. Empty: every workflow.",
    )
    kinds = forms.MultipleChoiceField(
        required=False,
        choices=[(kind, f"{kind}: {says}") for kind, says in KINDS.items()],
        widget=forms.CheckboxSelectMultiple,
        label="Kinds of events",
        help_text="None chosen: every kind, also those that are added later.",
    )
    gives_result = forms.BooleanField(
        required=False,
        label="Messages carry the run's result",
        help_text="What a run has produced leaves this system then, signed but readable for the receiver.",
    )

    def __init__(self, data: Any = None, *, endpoint: WebhookEndpoint | None = None) -> None:
        super().__init__(data, initial=_of(endpoint) if endpoint else None, label_suffix="")

    def given(self) -> Given:
        found = self.cleaned_data
        workflows = [name.strip() for name in found["workflows"].split(",")]
        return Given(
            name=found["name"],
            url=found["url"],
            tenant=found["tenant"],
            kinds=found["kinds"],
            workflows=[name for name in workflows if name],
            gives_result=found["gives_result"],
        )


def _of(one: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "url": one.url,
        "tenant": one.tenant,
        "workflows": ", ".join(one.workflows),
        "kinds": one.kinds,
        "gives_result": one.gives_result,
    }
