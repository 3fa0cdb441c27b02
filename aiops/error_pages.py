"""Django's pages of errors on a developer's machine, and its reports elsewhere: without secrets."""

from __future__ import annotations

import re
from collections.abc import ItemsView
from pprint import pformat
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from aiops.struck_out import NAME, struck

#: More of a value than Django's page shows.
_MOST_CHARS = 5_000


class _Shown:
    """A text that is shown as it is, and not as a text in quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class Filter(SafeExceptionReporterFilter):
    """Hides by name, as Django does, and by what a value looks like: also in local variables."""

    # Addresses of servers hold passwords, those of webhooks their secrets.
    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern
        + "|URL|BACKEND|NOTIFY|CREDENTIAL|COOKIE|SESSIONID",
        re.IGNORECASE,
    )

    def cleanse_setting(self, key: str | int, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return struck(cleansed) if isinstance(cleansed, str) else cleansed

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        found = super().get_traceback_frame_variables(request, tb_frame)
        return {name: self._shown(name, value) for name, value in found}.items()

    def _shown(self, name: str, value: Any) -> Any:
        if NAME.search(name):
            return self.cleansed_substitute
        try:
            return _Shown(struck(pformat(value)[:_MOST_CHARS]))
        except Exception as error:  # what cannot be shown must not hide the error
            return f"{type(error).__name__} while it was to be shown"


class Reporter(ExceptionReporter):
    """The page and the report as a whole: an exception's own message may quote a key."""

    def get_traceback_html(self) -> SafeString:
        # As safe as before: what is struck out leaves nothing but stars.
        return SafeString(struck(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(struck(super().get_traceback_text()))
