"""The outbox of a second Django project: real processes of the example, a real web process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aiops.access import keys
from aiops.models import Run, Scope
from aiops.servers.running import free_port
from tests.api.web import serving
from tests.client.shop import Shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("flows", "no_session_left"),
]

#: How often a start was tried, whether it is due, its run and its error.
LOOK = """
told = [[s.tries, s.next_at is not None, s.run_id, s.error] for s in Start.objects.order_by("made_at")]
"""
OWE = 'start("line", {"number": 1}, title="A line")'


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_start_of_a_rolled_back_transaction_is_never_sent(shop: Shop, tmp_path: Path) -> None:
    with serving(tmp_path, strict=False) as web:
        shop.at(web.base, _key())
        shop.do(f"with transaction.atomic():\n    {OWE}\n    transaction.set_rollback(True)")

        shop.manage("send_starts", "--once")

    assert not Run.objects.exists()


def test_a_start_survives_that_the_server_is_away(shop: Shop, tmp_path: Path) -> None:
    shop.at(f"http://127.0.0.1:{free_port()}", _key())
    shop.do(OWE)
    shop.manage("send_starts", "--once")
    [(tries, is_due, _, error)] = shop.do(LOOK)
    assert (tries, is_due) == (1, True)
    assert "did not answer" in error

    with serving(tmp_path, strict=False) as web:
        shop.at(web.base, _key())
        shop.do("Start.objects.update(next_at=Start.objects.get().made_at)")
        shop.manage("send_starts", "--once")

    [(tries, is_due, run_id, error)] = shop.do(LOOK)
    assert (tries, is_due, error) == (2, False, "")
    assert str(Run.objects.get().id) == run_id


def test_a_sender_killed_before_it_wrote_that_down_starts_no_second_run(
    shop: Shop, tmp_path: Path
) -> None:
    with serving(tmp_path, strict=False) as web:
        shop.at(web.base, _key())
        shop.do(OWE)
        shop.manage("send_starts", "--once")
        shop.do('Start.objects.update(run_id="", next_at=Start.objects.get().made_at)')

        shop.manage("send_starts", "--once")

    [(_, is_due, run_id, _)] = shop.do(LOOK)
    assert not is_due
    assert str(Run.objects.get().id) == run_id


def test_senders_side_by_side_start_each_run_once(shop: Shop, tmp_path: Path) -> None:
    with serving(tmp_path, strict=False) as web:
        shop.at(web.base, _key())
        shop.do(f"for _ in range(10): {OWE}")
        command = shop.command("send_starts", "--once")

        senders = [subprocess.Popen(command, **shop.place) for _ in range(2)]
        assert [sender.wait(timeout=60) for sender in senders] == [0, 0]

    assert Run.objects.count() == 10
    assert all(tries == 1 and not is_due for tries, is_due, _, _ in shop.do(LOOK))


def test_what_is_refused_is_kept_with_the_reason_and_not_tried_again(
    shop: Shop, tmp_path: Path
) -> None:
    with serving(tmp_path, strict=False) as web:
        shop.at(web.base, _key())
        shop.do('start("no_such_workflow", {})')

        shop.manage("send_starts", "--once")

    [(_, is_due, _, error)] = shop.do(LOOK)
    assert not is_due
    assert "no_such_workflow" in error


def _key() -> str:
    return keys.make("shop", scopes=[Scope.START])[1]
