"""Promising a mail at the end of a run: made only where it can be kept."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import get_supported_language_variant

from aiops.execution.start import StartRefused
from aiops.models import promise_moves

_LONGEST = 254


class CannotPromise(StartRefused):
    """A mail was asked for that cannot be promised: leave the address out, or correct what is named."""


def promise(run_id: UUID, *, email: str, language: str = "en") -> bool:
    """Promise a mail when the run ends, in the caller's transaction: that of the start.

    False when this address was promised one already. Raises CannotPromise: without a mail server, or
    with an address that is none, nobody is told that a mail will come.
    """
    if not settings.AIOPS_CAN_MAIL:
        raise CannotPromise(
            "no mail can be promised, because no mail server is set up here (EMAIL_HOST): leave the "
            "address out, and ask for the status instead"
        )
    return promise_moves.make(run_id, address=_address(email), language=_language(language))


def _address(email: str) -> str:
    try:
        validate_email(email)
    except ValidationError:
        raise CannotPromise(f"{email[:100]!r} is no e-mail address: correct it") from None
    if len(email) > _LONGEST:
        raise CannotPromise("the e-mail address is too long to be one: correct it")
    return email


def _language(wanted: str) -> str:
    """One that the mail can be written in: a language that nobody speaks here is no reason to refuse."""
    try:
        return get_supported_language_variant(wanted)
    except LookupError:
        return settings.LANGUAGE_CODE
