"""Names are Python names, because parameters are named after them."""

from __future__ import annotations

import pytest

from aiops.flow.names import as_name, check_name, snake_case
from aiops.flow.refusals import BadNode
from aiops.flow.where import Where


@pytest.mark.parametrize("name", ["send-reply", "1st", "", "class", "two words", "input", 3, None])
def test_what_no_parameter_could_be_named_is_refused(name: object) -> None:
    with pytest.raises(BadNode, match=r"^flow\.py:3: a node cannot be named"):
        check_name(name, "a node", Where("flow.py", 3), BadNode)


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("Ticket", "ticket"),
        ("SupportTicket", "support_ticket"),
        ("HTTPCall", "http_call"),
        ("V2Order", "v2_order"),
    ],
)
def test_a_class_has_a_name_for_parameters(class_name: str, name: str) -> None:
    assert snake_case(class_name) == name


@pytest.mark.parametrize(
    ("event", "name"),
    [("order.paid", "order_paid"), ("2fa", "_2fa"), ("--", "node"), ("a  b", "a_b")],
)
def test_an_event_has_a_name_for_parameters(event: str, name: str) -> None:
    assert as_name(event) == name
