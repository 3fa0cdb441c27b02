"""Prompts with a name and a version."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aiops.providers.port import Prompt, complete
from aiops.providers.prompt import template_of

DRAFT = Prompt("draft", "3", 'Answer $name as {"text": "..."}; it costs $$5.')


def test_it_is_rendered_with_its_values_and_other_signs_are_text() -> None:
    assert DRAFT.render(name="Ada") == 'Answer Ada as {"text": "..."}; it costs $5.'


def test_a_value_is_text_whatever_it_looks_like() -> None:
    assert DRAFT.render(name="$name ${x}").startswith("Answer $name ${x} as")


def test_its_template_names_version_and_hash_of_the_text() -> None:
    name, version, digest = DRAFT.template.split(" ")

    assert (name, version, len(digest)) == ("draft", "3", 8)
    assert Prompt("draft", "3", "Answer $name.").template != DRAFT.template


@pytest.mark.parametrize(
    ("values", "told"), [({}, "misses name"), ({"name": "a", "nane": "b"}, "given nane")]
)
def test_a_value_too_few_or_too_many_is_refused(values: dict[str, str], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        DRAFT.render(**values)


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("a b", "1"), ("a", ""), ("a" * 61, "1")])
def test_a_name_that_the_ledger_cannot_keep_is_refused(name: str, version: str) -> None:
    with pytest.raises(ValueError, match="cannot name a prompt"):
        Prompt(name, version, "text")


def test_a_dollar_that_begins_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"write \$\$"):
        Prompt("a", "1", "it costs $5")


def test_the_first_rendered_text_names_the_template() -> None:
    rendered = DRAFT.render(name="Ada")

    assert template_of("plain", rendered) == DRAFT.template
    assert template_of("plain") == ""


def test_a_call_brings_its_template_along(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiops.providers import port

    given: list[str] = []

    def call(*_: object, template: str, **__: object) -> None:
        given.append(template)
        raise LookupError

    monkeypatch.setattr(port, "call", call)
    rendered = DRAFT.render(name="Ada")
    asks: list[Callable[[], object]] = [
        lambda: complete(rendered),
        lambda: complete("Hello", system=rendered),
        lambda: complete([{"role": "user", "content": rendered}]),
        lambda: complete(rendered, template="other 1"),
        lambda: complete("Hello"),
    ]
    for ask in asks:
        with pytest.raises(LookupError):
            ask()

    assert given == [*[DRAFT.template] * 3, "other 1", ""]
