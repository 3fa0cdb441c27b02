"""Take an invoice in: read the scan, find the amounts, match the order, book it, tell the sender."""

from aiops.flow import Retry, StepContext, parallel, series, step, workflow
from tasks.demo.pretending import Case, pretend

QUICK = Retry(attempts=3, first_s=0.5, max_s=2.0)


@step(pool="cpu", timeout_s=60, retry=QUICK, says="Reading the scan")
def read_scan(case: Case, context: StepContext) -> str:
    pretend(case, context, share=2)
    return f"{case.title}: 3 pages"


@step(pool="llm", timeout_s=60, retry=QUICK, says="Finding amounts and dates")
def find_amounts(case: Case, read_scan: str, context: StepContext) -> dict[str, str]:
    pretend(case, context, share=3)
    return {"total": "1,204.50", "currency": "EUR"}


@step(pool="io", timeout_s=60, retry=QUICK, says="Matching the order")
def match_order(case: Case, read_scan: str, context: StepContext) -> str:
    pretend(case, context)
    return "PO-20418"


@step(pool="effects", effect="idempotent", timeout_s=60, retry=QUICK, says="Booking the invoice")
def book(case: Case, find_amounts: dict[str, str], match_order: str, context: StepContext) -> str:
    pretend(case, context)
    return f"booked under {context.idempotency_key}"


@step(pool="effects", effect="once", timeout_s=60, says="Letting you know")
def tell_sender(case: Case, book: str, context: StepContext) -> str:
    pretend(case, context)
    return "told"


invoice_intake = workflow(
    "invoice_intake",
    version=12,
    input=Case,
    flow=series(read_scan, parallel(find_amounts, match_order), book, tell_sender),
)
