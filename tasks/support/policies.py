"""What the support team knows: a bank's categories and policies, written by us for the demo."""

from __future__ import annotations

from pydantic import BaseModel


class Passage(BaseModel):
    """One policy, short enough to put before a model whole."""

    id: str
    title: str
    text: str


#: Category -> what its messages are about; a message goes to the nearest description.
CATEGORIES: dict[str, str] = {
    "lost_or_stolen": "My wallet or my cards are lost or stolen and must be frozen and replaced.",
    "declined": "My card was declined, does not work, or its PIN is locked.",
    "dispute": "I want to dispute a charge: it is wrong, fraudulent, or I did not get what I paid for.",
    "payment": "A payment, a paycheck or a direct deposit is missing or does not show in my account.",
    "rewards": "My cash back or my rewards points are wrong.",
    "referral": "I referred a friend and want the referral bonus.",
    "travel": "I am travelling abroad and want to use my card there.",
    "account": "I want to open, close or change an account or a card.",
}

POLICIES: tuple[Passage, ...] = (
    Passage(
        id="lost-cards",
        title="Lost or stolen cards",
        text="A lost or stolen card is frozen in the app under Cards, or by calling us at any hour. "
        "A replacement arrives within five working days. Charges made after the report are not yours.",
    ),
    Passage(
        id="declined-cards",
        title="Declined cards",
        text="A card is declined when a payment looks unusual, when its PIN was wrong three times, or "
        "when it has expired. Confirm the payment in the app, and it works again within minutes.",
    ),
    Passage(
        id="disputes",
        title="Disputing a charge",
        text="A charge can be disputed within 60 days, in the app under Transactions. Attach what the "
        "merchant wrote. You get a provisional credit within ten working days while we look into it.",
    ),
    Passage(
        id="posting",
        title="When payments are posted",
        text="A card payment from a checking account is posted within two working days. It counts from "
        "the day it left the checking account, so no interest is charged for the time in between.",
    ),
    Passage(
        id="direct-deposit",
        title="Direct deposits",
        text="A direct deposit is shown as soon as the employer's bank sends it, at the latest at six in "
        "the evening of the payday. After that, ask the employer's payroll office for the trace number.",
    ),
    Passage(
        id="cash-back",
        title="Cash back",
        text="Cash back is credited when a purchase is posted, at the rate of the merchant's category. "
        "A wrong rate is corrected on request, back to the last twelve months.",
    ),
    Passage(
        id="referrals",
        title="Referral bonuses",
        text="A referral bonus is paid 30 days after the friend has spent the amount in the offer. "
        "A friend who signed up without the personal link does not count.",
    ),
    Passage(
        id="travel",
        title="Travelling with a card",
        text="No travel notification is needed: cards work abroad by themselves. Take a second card, "
        "and keep the app at hand to confirm a payment that looks unusual.",
    ),
    Passage(
        id="closing",
        title="Closing a card or an account",
        text="A card is closed on request once its balance is paid. The annual fee of the current year "
        "is paid back if it was charged less than 30 days ago.",
    ),
    Passage(
        id="opening",
        title="Opening an account",
        text="An account is opened in the app in about ten minutes, with an identity document. "
        "A business account also needs the registration of the business.",
    ),
)
