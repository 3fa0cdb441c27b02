"""Every request to a model passes here: around it lie the layers that govern it, the outermost first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from aiops.flow.caller import Caller, caller
from aiops.flow.errors import LaneStopped
from aiops.providers.exchange import Question, RawAnswer, RawVectors
from aiops.providers.models import Address, address_of

Kind = Literal["chat", "embed", "batch"]
Raw: TypeAlias = RawAnswer | RawVectors

#: Characters of a token, on the low side: what is reserved should be more than what is used.
CHARS_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is about to be made, on behalf of a step."""

    caller: Caller
    alias: str
    address: Address
    kind: Kind
    #: What is asked: of a chat the question, of an embedding the texts.
    question: Question | None
    texts: Sequence[str]
    timeout_s: float
    #: Whether it is asked anew although an earlier attempt of the step has paid for an answer.
    fresh: bool = False
    #: The name and version of the prompt's template; "" for none.
    template: str = ""
    #: The alias that the step asked for, when this is a route from it; and why it was taken.
    instead_of: str = ""
    because: str = ""

    @property
    def tokens_in(self) -> int:
        """An estimate of what is sent, rather too high."""
        return _characters(self.question, self.texts) // CHARS_PER_TOKEN + 16

    @property
    def max_tokens(self) -> int:
        """The most that may come back."""
        return 0 if self.question is None else self.question.max_tokens


Next: TypeAlias = Callable[[], Raw]
Layer: TypeAlias = Callable[[Call, Next], Raw]


def call(
    alias: str,
    kind: Kind,
    do: Callable[[Address], Any],
    *,
    timeout_s: float,
    question: Question | None = None,
    texts: Sequence[str] = (),
    fresh: bool = False,
    template: str = "",
    instead_of: str = "",
    because: str = "",
) -> Any:
    """Make a request through all layers. Outside of the engine nothing is governed or recorded."""
    who = caller()
    if who is None:
        return do(address_of(alias))
    address = _address_or_stop(alias)
    if instead_of:
        who = replace(who, has_waited=False)  # it stood in the line of another lane
    asked = Call(
        *(who, alias, address, kind, question, texts, timeout_s, fresh, template),
        instead_of=instead_of,
        because=because,
    )
    return _through(_layers(), asked, lambda: do(address))


def _layers() -> tuple[Layer, ...]:
    """The outermost first. Imported on the first call: outside of the engine there is no record."""
    # A memo needs no lane, and a budget is reserved before a lane's tokens are.
    from aiops.providers import admission, ledger

    return (ledger.around, admission.around, ledger.leaving)


def _address_or_stop(alias: str) -> Address:
    """Find the address; a lane that is configured wrongly stops before anything is sent."""
    try:
        return address_of(alias)
    except LaneStopped as error:
        if error.lane:
            from aiops.providers import admission

            admission.refused(error)
        raise


def _through(layers: Sequence[Layer], asked: Call, do: Next) -> Raw:
    if not layers:
        return do()
    outer, *inner = layers
    return outer(asked, lambda: _through(inner, asked, do))


def _characters(question: Question | None, texts: Sequence[str]) -> int:
    if question is None:
        return sum(map(len, texts))
    return len(question.system) + sum(len(turn["content"]) for turn in question.conversation)
