"""Aliases: which endpoint stands behind a name, and what a wrong configuration is told."""

from __future__ import annotations

import pytest

from aiops.flow.errors import LaneStopped
from aiops.providers.models import LOCAL_URL, Address, resolve


def test_without_any_configuration_the_local_model_answers_and_says_what_it_is() -> None:
    address = resolve("fast", {}, {})

    assert address.base_url == LOCAL_URL
    assert "not of quality" in address.caveat


def test_the_local_model_may_live_elsewhere() -> None:
    environ = {"AIOPS_LOCAL_MODEL_URL": "http://127.0.0.1:9000/v1"}

    assert resolve("embed", {}, environ).base_url == "http://127.0.0.1:9000/v1"


def test_the_environment_names_any_openai_compatible_endpoint() -> None:
    environ = {
        "AIOPS_MODEL_URL": "https://models.example/v1",
        "AIOPS_MODEL_NAME": "big",
        "AIOPS_MODEL_KEY": "k",
    }

    assert resolve("fast", {}, environ) == Address("https://models.example/v1", "big", "k")


def test_settings_win_over_the_environment_and_read_the_key_by_name() -> None:
    configured = {"fast": {"base_url": "https://a.example", "model": "m", "api_key_env": "A_KEY"}}
    environ = {"AIOPS_MODEL_URL": "https://b.example", "AIOPS_MODEL_NAME": "n", "A_KEY": "secret"}

    assert resolve("fast", configured, environ) == Address("https://a.example", "m", "secret")


@pytest.mark.parametrize(
    ("alias", "configured", "environ", "told"),
    [
        ("fats", {}, {}, "Did you mean 'fast'"),
        ("big", {"big": {"model": "m"}}, {}, "no base_url"),
        ("big", {"big": {"base_url": "u", "model": "m", "api_key_env": "K"}}, {}, "read from K"),
        ("fast", {}, {"AIOPS_MODEL_URL": "u"}, "AIOPS_MODEL_NAME is not"),
    ],
)
def test_a_wrong_configuration_stops_the_lane_and_says_what_to_set(
    alias: str, configured: dict[str, dict[str, str]], environ: dict[str, str], told: str
) -> None:
    with pytest.raises(LaneStopped, match=told) as caught:
        resolve(alias, configured, environ)

    assert caught.value.kind == "config"


def test_an_address_never_shows_its_key() -> None:
    assert "secret" not in repr(Address("u", "m", "secret"))
