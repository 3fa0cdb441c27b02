"""Review a contract: read it page by page, sum it up, let a lawyer approve, send the report once."""

from aiops.flow import Retry, StepContext, approval, for_each, series, step, workflow
from tasks.demo.pretending import Case, pretend

QUICK = Retry(attempts=3, first_s=0.5, max_s=2.0)


@step(pool="io", timeout_s=60, retry=QUICK, says="Reading your document")
def pages(case: Case, context: StepContext) -> list[int]:
    pretend(case, context)
    return list(range(1, case.size + 1))


@step(pool="llm", timeout_s=4000, retry=QUICK, says="Finding the clauses")
def find_clauses(case: Case, item: int, context: StepContext) -> list[str]:
    pretend(case, context)
    return [f"§ {item}.1", f"§ {item}.2"]


@step(pool="llm", timeout_s=60, retry=QUICK, says="Writing the summary")
def summarise(case: Case, find_clauses: list[list[str]], context: StepContext) -> str:
    pretend(case, context, share=3)
    return f"{case.title}: {sum(len(found) for found in find_clauses)} clauses, none unusual."


@step(pool="effects", effect="once", timeout_s=60, says="Sending the report")
def send_report(case: Case, summarise: str, context: StepContext) -> str:
    pretend(case, context)
    return "sent"


contract_review = workflow(
    "contract_review",
    version=7,
    input=Case,
    flow=series(
        pages,
        for_each(pages, do=find_clauses, max_parallel=4),
        summarise,
        approval("Send this summary?", shows=summarise, due_h=2, says="A lawyer is checking it"),
        send_report,
    ),
)
