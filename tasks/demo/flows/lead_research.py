"""Research a lead: look the company up, wait for the enrichment service, score it."""

from aiops.flow import Retry, StepContext, series, step, wait_for, workflow
from tasks.demo.pretending import Case, pretend

QUICK = Retry(attempts=3, first_s=0.5, max_s=2.0)


@step(pool="io", timeout_s=60, retry=QUICK, says="Looking the company up")
def look_up(case: Case, context: StepContext) -> str:
    pretend(case, context)
    return f"https://{case.title}"


@step(pool="llm", timeout_s=4000, retry=QUICK, says="Scoring")
def score(case: Case, look_up: str, context: StepContext) -> int:
    pretend(case, context, share=3)
    return 71


lead_research = workflow(
    "lead_research",
    version=5,
    input=Case,
    flow=series(
        look_up,
        wait_for(
            "enrichment.done",
            match="input.title",
            timeout_h=12,
            name="enrichment",
            says="Waiting for more about the company",
        ),
        score,
    ),
)
