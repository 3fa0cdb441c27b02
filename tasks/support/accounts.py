"""What the bank knows of a customer, as far as a reply may need it: made up for the demo."""

from __future__ import annotations

from pydantic import BaseModel


class Account(BaseModel):
    """The facts of one account. No number of it is here: nothing of this may harm in a mail."""

    kind: str
    since: int
    cards: int
    is_frozen: bool = False


_ACCOUNTS: dict[str, Account] = {
    "ada@customers.example": Account(kind="checking", since=2019, cards=1),
    "ben@customers.example": Account(kind="credit card", since=2021, cards=2),
    "carla@customers.example": Account(kind="checking", since=2016, cards=1),
    "dai@customers.example": Account(kind="checking", since=2023, cards=1),
}


def account_of(address: str) -> Account | None:
    """The account of who writes from this address; None for somebody we do not know."""
    return _ACCOUNTS.get(address.strip().lower())


def told(account: Account) -> str:
    """The facts in a sentence, for a prompt."""
    cards = f"{account.cards} card{'s' if account.cards != 1 else ''}"
    frozen = ", frozen" if account.is_frozen else ""
    return f"{account.kind} since {account.since}, {cards}{frozen}"
