"""In which language a reader is answered."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header


def language_of(request: HttpRequest) -> str:
    """`?lang=`, else what the browser prefers, else English: one of LANGUAGES."""
    accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    for wanted in (request.GET.get("lang", ""), *(language for language, _ in accepted)):
        try:
            return get_supported_language_variant(wanted)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
