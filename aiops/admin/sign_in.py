"""Signing in to the console: unfold's form, which does not let anybody guess for long."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from aiops.access import sign_in

log = logging.getLogger(__name__)


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # unfold has no types
    """Asked too often, it looks at no password: neither to compare it, nor to pay for its hash."""

    def clean(self) -> Any:
        address, name = self._address, self.data.get("username", "")[:150]
        if left_s := sign_in.wait_s(address, name):
            minutes = max(1, round(left_s / 60))
            raise ValidationError(
                "Too many wrong passwords. Wait "
                f"{minutes} minute{'s' * (minutes > 1)}, then try again, or ask an admin of this console.",
                code="too_many",
            )
        try:
            cleaned = super().clean()
        except ValidationError:
            sign_in.refused(address, name)
            log.warning("console.sign_in_refused address=%s", address)
            raise
        sign_in.accepted(address, name)
        return cleaned

    @property
    def _address(self) -> str:
        return str(self.request.META.get("REMOTE_ADDR") or "") if self.request else ""


# Not by unfold's setting: it would import this package while the site is being made.
admin.site.login_form = SignInForm
