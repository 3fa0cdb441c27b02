"""The page of lanes, and steering them from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page import lanes as page
from aiops.models import Event, Lane, Run, Step, lane_moves
from aiops.providers import limits
from aiops.providers.limits import Use
from tests.admin_.doing import everything, shown, text
from tests.execution.orders import begun, edit

pytestmark = pytest.mark.django_db

NAME = "api.example/gpt-x@THE_KEY"
PAGE = "admin:aiops_lane_changelist"


@pytest.fixture(autouse=True)
def used(monkeypatch: pytest.MonkeyPatch) -> list[Use]:
    """What Redis says is used; the last one counts."""
    uses = [Use(requests=30, tokens=450, in_flight=2)]
    monkeypatch.setattr(limits, "look", lambda *_: uses[-1])
    return uses


def lane(name: str = NAME, **fields: Any) -> Lane:
    return Lane.objects.create(name=name, **fields)


def stopped(name: str = NAME) -> Lane:
    lane(name)
    lane_moves.stop(name, cause="quota", reason="You have no <credit> left")
    return Lane.objects.get(name=name)


def parked(name: str = NAME, **options: Any) -> Run:
    run = begun(**options)
    far, since = timezone.now() + timedelta(days=1), timezone.now() - timedelta(minutes=14)
    history = {"parked_at": since.isoformat()}
    line = {"reason": "lane", "lane": name, "wake_at": far, "since": since, "history": history}
    edit(run, "read", state="waiting", dispatch_due=None, **line)
    return run


def at(verb: str, name: str = NAME) -> str:
    return reverse("admin:aiops_lane_do", args=[name, verb])


def press(client: Client, verb: str, **sends: str) -> Any:
    """Look at the question, and say yes."""
    url = at(verb)
    fingerprint = shown(client, url)["fingerprint"]
    return client.post(url, {"fingerprint": fingerprint, "reason": "because", **sends})


# The page


def test_a_lane_shows_its_state_its_use_and_who_waits(as_: Callable[[str], Client]) -> None:
    stopped()
    Lane.objects.update(declared={"requests_per_min": 600, "tokens_per_min": 90_000})
    parked()
    parked()

    found = text(as_("viewer").get(reverse(PAGE)))

    assert NAME in found
    assert "Stopped" in found
    assert "You have no &lt;credit&gt; left" in found
    assert "30 <small>of 600 a minute</small>" in found
    assert "450 <small>of 90,000 a minute</small>" in found
    assert "2 steps <small>the oldest for 14 min</small>" in found


def test_what_happened_to_a_lane_is_told_newest_first(as_: Callable[[str], Client]) -> None:
    lane()
    until = timezone.now() + timedelta(seconds=30)
    lane_moves.hold(NAME, until=until, cause="failing", reason="Overloaded")
    lane_moves.probe(NAME)

    found = text(as_("viewer").get(reverse(PAGE)))

    assert found.index("Trying it out: A few calls") < found.index("Held: Overloaded.")


def test_what_nobody_knows_is_not_shown_as_nothing(
    as_: Callable[[str], Client], used: list[Use]
) -> None:
    lane(declared={"concurrency": 4})
    used.append(Use(is_known=False))

    found = text(as_("viewer").get(reverse(PAGE)))

    assert "limits are kept by each worker apart" in found
    assert "not known <small>of 4 at once</small>" in found


def test_without_lanes_the_page_says_when_one_appears(as_: Callable[[str], Client]) -> None:
    assert "A lane appears with its first call" in text(as_("viewer").get(reverse(PAGE)))


def test_a_viewer_sees_no_buttons_and_an_operator_does(as_: Callable[[str], Client]) -> None:
    stopped()

    assert "Resume…" not in text(as_("viewer").get(reverse(PAGE)))
    assert "Resume…" in text(as_("operator").get(reverse(PAGE)))


def test_a_stranger_sees_no_lanes(as_: Callable[[str], Client]) -> None:
    assert as_("nobody").get(reverse(PAGE)).status_code == 403


@pytest.mark.parametrize("number", [1, 40])
def test_the_page_asks_as_little_for_many_lanes_as_for_one(
    as_: Callable[[str], Client], number: int
) -> None:
    for place in range(number):
        stopped(f"{NAME}{place}")
        parked(f"{NAME}{place}")
    client = as_("operator")
    client.get(reverse(PAGE))

    with CaptureQueriesContext(connection) as asked:
        client.get(reverse(PAGE))

    assert len(asked) <= 13


def test_a_poll_is_answered_by_nothing_until_a_lane_moves(
    as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "AGES_S", 10**12)
    lane()
    client = as_("viewer")
    address = f"{reverse('admin:aiops_lane_live')}?v="
    version = str(client.get(reverse(PAGE)).context["version"])

    with CaptureQueriesContext(connection) as asked:
        assert client.get(address + version).status_code == 204
    assert len(asked) <= 3

    lane_moves.stop(NAME, cause="auth", reason="no")
    moved = client.get(address + version)
    assert moved.status_code == 200
    assert "Stopped" in text(moved)


# The verbs


@pytest.mark.parametrize("verb", ["resume", "hold", "stop", "limit"])
def test_looking_changes_nothing_and_a_viewer_may_not_even_look(
    as_: Callable[[str], Client], verb: str
) -> None:
    stopped() if verb == "resume" else lane()
    before = [*everything(), list(Lane.objects.values())]

    assert as_("operator").get(at(verb)).status_code == 200
    viewer = as_("viewer")
    assert viewer.get(at(verb)).status_code == 403
    assert viewer.post(at(verb), {"reason": "x"}).status_code == 403

    assert [*everything(), list(Lane.objects.values())] == before


def test_without_a_token_nothing_is_done(as_: Callable[[str], Client]) -> None:
    lane()
    as_("operator")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = as_("operator").cookies

    assert strict.post(at("stop"), {"reason": "x"}).status_code == 403
    assert Lane.objects.get().state == "open"


def test_resuming_tells_how_many_go_on_and_does_it(as_: Callable[[str], Client]) -> None:
    stopped()
    parked()
    parked()
    client = as_("operator")

    plan = text(client.get(at("resume")))
    press(client, "resume")

    assert "2 steps of 2 runs will go on" in plan
    assert "Resume the lane (2 steps)" in plan
    assert Lane.objects.get().state == "ramping"
    told = Event.objects.get(kind="lane.ramping")
    assert (told.actor, told.data["reason"]) == ("ann-operator", "because")


def test_a_lane_is_held_for_as_long_as_was_chosen(as_: Callable[[str], Client]) -> None:
    lane()

    press(as_("operator"), "hold", hours="4")

    held = Lane.objects.get()
    assert (held.state, held.cause, held.who) == ("held", "person", "ann-operator")
    assert held.held_until is not None
    assert 3.9 < (held.held_until - timezone.now()).total_seconds() / 3600 < 4.1


def test_a_lane_is_stopped_by_hand(as_: Callable[[str], Client]) -> None:
    lane()

    press(as_("operator"), "stop")

    assert Lane.objects.get().state == "stopped"
    assert Event.objects.get(kind="lane.stopped").actor == "ann-operator"


def test_limits_are_set_in_place_of_the_declared_ones(as_: Callable[[str], Client]) -> None:
    lane(declared={"requests_per_min": 600})

    press(as_("operator"), "limit", requests_per_min="60", tokens_per_min="0")

    assert Lane.objects.get().own_limits == {"requests_per_min": 60, "tokens_per_min": 0}
    told = Event.objects.get(kind="lane.limited")
    assert (told.actor, told.data["was"]) == ("ann-operator", {})


@pytest.mark.parametrize(
    ("verb", "sends", "says"),
    [
        ("limit", {"concurrency": "many"}, "Calls at once: give a whole number"),
        ("hold", {"hours": "9999"}, "Choose for how long"),
        ("stop", {"reason": " "}, "Say why"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_changes(
    as_: Callable[[str], Client], verb: str, sends: dict[str, str], says: str
) -> None:
    lane()

    response = press(as_("operator"), verb, **sends)

    assert says in text(response)
    assert Lane.objects.values_list("state", "own_limits").get() == ("open", {})


def test_a_stale_page_is_refused(as_: Callable[[str], Client]) -> None:
    stopped()
    client = as_("operator")
    seen = shown(client, at("resume"))["fingerprint"]
    lane_moves.ramp(NAME, reason="", actor="bob", out_of=("stopped",))
    lane_moves.stop(NAME, cause="quota", reason="again")

    response = client.post(at("resume"), {"fingerprint": seen, "reason": "x"})

    assert response.status_code == 409
    assert Lane.objects.get().state == "stopped"


@pytest.mark.parametrize(("verb", "says"), [("resume", "not held"), ("stop", "stopped already")])
def test_a_verb_that_makes_no_sense_is_not_offered(
    as_: Callable[[str], Client], verb: str, says: str
) -> None:
    lane() if verb == "resume" else stopped()

    plan = text(as_("operator").get(at(verb)))

    assert says in plan
    assert 'type="submit"' not in plan.partition("cx-plan")[2].partition("</form>")[0]


def test_an_unknown_lane_or_verb_is_not_there(as_: Callable[[str], Client]) -> None:
    lane()
    client = as_("operator")

    assert client.get(at("stop", "no/such")).status_code == 404
    assert client.get(at("explode")).status_code == 404


def test_parked_steps_are_not_woken_by_the_page(as_: Callable[[str], Client]) -> None:
    stopped()
    run = parked()
    press(as_("operator"), "resume")

    assert Step.objects.get(run=run, name="read").wake_at > timezone.now()  # type: ignore[operator]  # it has one
