"""The example of ARCHITECTURE.md, as it is written there."""

from __future__ import annotations

from aiops.flow.inline import run_inline
from tests.flow.conftest import Load

EXAMPLE = '''
"""Answer a support ticket: classify it, draft a reply, let a person approve it, send it once."""

from pydantic import BaseModel

from aiops.flow import Retry, StepContext, approval, parallel, series, step, workflow

class Ticket(BaseModel):
    body: str

class Triage(BaseModel):
    urgent: bool

class Passage(BaseModel):
    text: str

class Draft(BaseModel):
    text: str

class Receipt(BaseModel):
    key: str

@step
def policies(ticket: Ticket) -> list[Passage]:
    return [Passage(text="Refunds within 30 days.")]

@step(pool="llm", timeout_s=60, says="Reading your message")
def classify(ticket: Ticket) -> Triage:
    return Triage(urgent="now" in ticket.body)

@step(pool="llm", timeout_s=120, retry=Retry(attempts=4), says="Drafting a reply")
def draft(ticket: Ticket, classify: Triage, policies: list[Passage]) -> Draft:
    return Draft(text=f"urgent={classify.urgent}: {policies[0].text}")

@step(pool="effects", effect="once", says="Sending the reply")
def send(ticket: Ticket, draft: Draft, context: StepContext) -> Receipt:
    return Receipt(key=context.idempotency_key)

support_reply = workflow(
    "support_reply", version=1, input=Ticket,
    flow=series(parallel(classify, policies), draft, approval("Send this reply?", shows=draft, due_h=4), send),
)
'''


def test_the_example_compiles_to_the_plan_it_shows(load: Load) -> None:
    plan = load(EXAMPLE).support_reply.plan

    assert [(node.name, node.kind, node.needs) for node in plan.nodes] == [
        ("classify", "step", ()),
        ("policies", "step", ()),
        ("draft", "step", ("classify", "policies")),
        ("approval", "approval", ("draft",)),
        ("send", "step", ("approval",)),
    ]
    assert plan.by_name["draft"].takes == {
        "ticket": "input",
        "classify": "classify",
        "policies": "policies",
    }
    assert plan.by_name["send"].takes["context"] == "context"
    assert plan.by_name["approval"].shows == ("draft",)
    assert plan.output == ("send",)


def test_the_example_runs_in_memory(load: Load) -> None:
    ended = run_inline(load(EXAMPLE).support_reply, {"body": "Refund me now"})

    assert ended.results["draft"] == {"text": "urgent=True: Refunds within 30 days."}
    assert ended.output == {"key": "inline:send"}


def test_a_step_is_still_the_function_it_was(load: Load) -> None:
    example = load(EXAMPLE)

    triage = example.classify(example.Ticket(body="later"))

    assert triage == example.Triage(urgent=False)
