"""The form of a trigger: what is wrong with it is said beside the field, before it is kept."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from aiops.execution import trigger_checks
from aiops.execution.cloud_event import WrongEvent, parsed, read
from aiops.execution.known_workflows import startable
from aiops.models import Trigger, trigger_moves

_EXPRESSION = "JMESPath over the event: type, source, id, subject, time, data, its other attributes"
_HELP = {
    "event": 'Its type, or the beginning of one and "*"',
    "source": 'Only from here; may end with "*". Empty: from anywhere',
    "condition": f"Only if this holds. {_EXPRESSION}. Empty: always",
    "tenant": "Whose events. Empty: those of every tenant; the run is the event's tenant's",
    "input": 'JSON. Texts that begin with "=" are JMESPath: {"order": "=data.order_id"}; '
    '"=data" takes all of the data',
    "key": "One key is one run. Empty: the trigger, the source and the id, so that one event starts "
    "one run. A text, or = and an expression",
    "title": "A text, or = and an expression",
}


class TriggerForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker only
    """What a person writes of a trigger."""

    # A text: an empty field of JSON would be shown as "null".
    sample = forms.CharField(
        required=False,
        label="An example",
        help_text="An event as JSON (CloudEvents), to check with before it is saved. It is not kept.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )

    class Meta:
        model = Trigger
        fields = trigger_moves.WRITTEN

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, told in _HELP.items():
            # Not there for those who may only look.
            if name in self.fields:
                self.fields[name].help_text = told
        if "input" in self.fields:
            # A default that is called would have the form say twice what the field holds.
            self.fields["input"].show_hidden_initial = False
        if "workflow" in self.fields:
            names = {*startable(), *filter(None, [self.instance.workflow])}
            self.fields["workflow"] = forms.ChoiceField(
                choices=[("", "Choose one"), *((name, name) for name in sorted(names))],
                widget=UnfoldAdminSelectWidget(),
            )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return given
        rule = Trigger(**{name: given.get(name, "") for name in trigger_moves.WRITTEN})
        for field, told in trigger_checks.problems(rule).items():
            self.add_error(field, told)
        if given.get("sample") and not self.errors:
            self._check_with(rule, given["sample"])
        return given

    def _check_with(self, rule: Trigger, sample: str) -> None:
        try:
            event = read(parsed(sample.encode()))
        except WrongEvent as error:
            self.add_error("sample", str(error))
            return
        would = trigger_checks.would(rule, trigger_checks.happening_of(event, rule.tenant))
        if would.passes:
            self.add_error("sample", f"The trigger is not for it: {would.passes}.")
        if would.error:
            self.add_error("input", f"With the example: {would.error}")
