"""What a trigger says about an event: JMESPath within bounds, and templates."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.execution.expressions import WrongExpression, evaluate, filled, holds, parsed, text

EVENT = {"type": "order.paid", "subject": "A1", "data": {"pence": 7, "lines": [{"sku": "x"}]}}


def test_an_expression_finds_what_it_names() -> None:
    assert evaluate("data.lines[0].sku", EVENT) == "x"


@pytest.mark.parametrize(
    ("condition", "is_true"),
    [
        ("", True),
        ("data.pence > `5`", True),
        ("data.pence > `9`", False),
        ("data.nothing", False),
        ("data.lines[?sku=='y']", False),
        ("subject", True),
    ],
)
def test_a_condition_holds_by_the_truth_of_jmespath(condition: str, is_true: bool) -> None:
    assert holds(condition, EVENT) is is_true


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("=data", EVENT["data"]),
        ({"number": "=data.pence", "who": "shop"}, {"number": 7, "who": "shop"}),
        ({"sum": "==1+1"}, {"sum": "=1+1"}),
        (["=subject", 3, None], ["A1", 3, None]),
        ({"a": {"b": ["=type"]}}, {"a": {"b": ["order.paid"]}}),
    ],
)
def test_a_template_is_filled_where_its_texts_are_expressions(template: Any, found: Any) -> None:
    assert filled(template, EVENT) == found


def test_a_key_whose_expression_finds_nothing_is_left_out() -> None:
    assert filled({"a": "=data.nothing", "b": None}, EVENT) == {"b": None}


@pytest.mark.parametrize("template", ["=data", "=data.lines", "=`true`"])
def test_a_title_is_a_text(template: str) -> None:
    with pytest.raises(WrongExpression, match="no text"):
        text(template, EVENT)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("data..x", "no JMESPath expression"),
        ("", "cannot be empty"),
        ("nonsense(data)", r"no function nonsense\(\)"),
        ("a" * 501, "at most 500 characters"),
        ("[" * 30 + "a" + "]" * 30, "nested 20 deep"),
        (".".join("a" * 150), "too many parts"),
        ("[" + ",".join(["a"] * 120) + "]", "too many parts"),
        ("[" * 300, "no JMESPath expression"),
    ],
)
def test_an_expression_that_cannot_be_used_says_why(expression: str, told: str) -> None:
    with pytest.raises(WrongExpression, match=told):
        parsed(expression)


@pytest.mark.parametrize("expression", ["abs(type)", "type < data.pence", "length(data.pence)"])
def test_an_expression_that_does_not_fit_the_event_says_so_or_finds_nothing(
    expression: str,
) -> None:
    with pytest.raises(WrongExpression, match="does not fit this event"):
        evaluate(expression, EVENT)


@pytest.mark.parametrize(
    "expression",
    [
        # Each part makes several of what it is given.
        "|".join(["[@,@]"] * 18) + "|to_string(@)",
        "|".join(["[@,@,@,@]"] * 12),
        "|".join(["join('', [@,@,@,@,@,@,@,@])"] * 8),
        "|".join(["[@,@,@,@,@,@,@,@][]"] * 7),
    ],
)
def test_an_expression_that_makes_much_of_little_is_stopped(expression: str) -> None:
    with pytest.raises(WrongExpression, match="make it simpler"):
        evaluate(expression, "event")
