"""What users read has a translation, and what is committed is what it compiles to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, ngettext

from tests.catalogues import catalogues, compiled, entries, wanted

_MARKS = re.compile(r"%\(\w+\)s")


def test_every_language_but_english_has_its_catalogue() -> None:
    languages = {path.parent.parent.name for path in catalogues()}

    assert languages == {code for code, _ in settings.LANGUAGES} - {"en"}


@pytest.mark.parametrize("po", catalogues(), ids=str)
def test_the_compiled_catalogue_is_that_of_its_source(po: Path) -> None:
    # Otherwise: python -m tests.catalogues
    assert po.with_suffix(".mo").read_bytes() == compiled(po)


@pytest.mark.parametrize("po", catalogues(), ids=str)
def test_every_text_is_translated_and_nothing_else_is(po: Path) -> None:
    said = {key: texts for key, texts in entries(po).items() if key}

    assert set(said) == wanted()
    assert [key for key, texts in said.items() if not texts or not all(texts)] == []


@pytest.mark.parametrize("po", catalogues(), ids=str)
def test_a_translation_has_the_marks_of_its_text(po: Path) -> None:
    for key, texts in entries(po).items():
        for text in texts if key else ():
            assert set(_MARKS.findall(text)) == set(_MARKS.findall(key)), key


def test_the_catalogue_is_what_django_reads() -> None:
    with translation.override("de"):
        assert gettext("Working on it") == "Wir sind dabei"
        one, two = (ngettext("about %(n)s hour left", "about %(n)s hours left", n) for n in (1, 2))

    assert (one % {"n": 1}, two % {"n": 2}) == ("noch etwa 1 Stunde", "noch etwa 2 Stunden")
