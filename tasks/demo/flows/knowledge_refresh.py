"""Refresh a knowledge base: list what changed, embed each document, publish all at once."""

from aiops.flow import Retry, StepContext, for_each, series, step, workflow
from tasks.demo.pretending import Case, pretend

QUICK = Retry(attempts=3, first_s=0.5, max_s=2.0)


@step(pool="io", timeout_s=60, retry=QUICK, says="Looking for changes")
def list_changes(case: Case, context: StepContext) -> list[str]:
    pretend(case, context)
    return [f"page-{number}" for number in range(case.size)]


@step(pool="batch", timeout_s=4000, retry=QUICK, says="Reading the documents")
def embed_page(case: Case, item: str, context: StepContext) -> str:
    pretend(case, context, share=0.2)
    return f"{item}: 12 vectors"


@step(pool="io", effect="idempotent", timeout_s=60, retry=QUICK, says="Publishing")
def publish(case: Case, embed_page: list[str | None], context: StepContext) -> int:
    pretend(case, context)
    return sum(found is not None for found in embed_page)


knowledge_refresh = workflow(
    "knowledge_refresh",
    version=2,
    input=Case,
    flow=series(
        list_changes,
        for_each(list_changes, do=embed_page, max_parallel=4, tolerate=0.05),
        publish,
    ),
)
