"""Where the addresses come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.servers.environment import NoResultStore, NoServers, addresses, result_url


def test_results_go_to_the_database_after_the_brokers() -> None:
    assert result_url("redis://:pw@host:6379/0", {}) == "redis://:pw@host:6379/1"
    assert (
        result_url("rediss://host/4?ssl_cert_reqs=none", {}) == "rediss://host/5?ssl_cert_reqs=none"
    )
    assert result_url("redis://host", {}) == "redis://host/1"


def test_a_given_result_address_wins() -> None:
    assert result_url("redis://host/0", {"RESULT_URL": "redis://other/3"}) == "redis://other/3"


def test_a_broker_that_is_no_redis_asks_for_a_place_to_count() -> None:
    with pytest.raises(NoResultStore, match="set RESULT_URL"):
        result_url("amqp://host//", {})


def test_each_missing_address_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoServers, match="DATABASE_URL is not set and no server runs"):
        addresses()

    monkeypatch.setenv("DATABASE_URL", "postgresql://db/x")

    with pytest.raises(NoServers, match="run make run, or set BROKER_URL"):
        addresses()
    assert not folder.exists()


def test_an_empty_variable_counts_as_unset(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")

    with pytest.raises(NoServers, match="DATABASE_URL is not set"):
        addresses()
