"""What tokens cost: one's own table first, then the list, and otherwise it is not known."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from aiops.providers.models import LOCAL_CHAT_MODEL, LOCAL_EMBED_MODEL, Address
from aiops.providers.prices import Used, cost_microusd, is_free

OPENAI = Address("https://api.openai.com/v1", "gpt-4o")
OWN = Address("http://10.0.0.5/v1", "gpt-4o")


def test_a_listed_model_costs_what_the_list_says() -> None:
    assert cost_microusd("fast", OPENAI, Used(1000, 100)) == 3_500


def test_what_was_cached_is_cheaper() -> None:
    assert cost_microusd("fast", OPENAI, Used(1000, 100, tokens_cached=500)) == 2_875


def test_the_same_name_at_an_address_of_ones_own_has_no_listed_price() -> None:
    assert cost_microusd("fast", OWN, Used(1000, 100)) is None
    assert not is_free("fast", OWN)


@pytest.mark.parametrize("name", ["fast", "gpt-4o"])
def test_the_own_table_is_by_alias_or_by_model(settings: Settings, name: str) -> None:
    settings.AIOPS_PRICES = {name: {"input": 2, "output": 4, "cached": 1}}

    assert cost_microusd("fast", OWN, Used(100, 10, tokens_cached=40)) == 120 + 40 + 40


def test_what_is_paid_is_never_rounded_to_nothing(settings: Settings) -> None:
    settings.AIOPS_PRICES = {"fast": {"input": 0.02, "output": 0}}

    assert cost_microusd("fast", OWN, Used(1)) == 1
    assert not is_free("fast", OWN)


@pytest.mark.parametrize("model", [LOCAL_CHAT_MODEL, LOCAL_EMBED_MODEL])
def test_the_demos_own_models_are_free_by_the_table(model: str) -> None:
    assert is_free("fast", Address("http://127.0.0.1/v1", model))
