"""Retries, effects that happen once, and work that is taken back."""

from __future__ import annotations

from aiops.flow import Absent, Retry, Unsure, series, step, workflow
from tests.flows.script import Job, script


@step(retry=Retry(attempts=3, first_s=10, jitter=False))
def fetch(job: Job) -> str:
    return script.act("fetch", "fetched")


@step
def use(fetch: str) -> str:
    return script.act("use", f"used {fetch}")


retried = workflow("retried", input=Job, flow=series(fetch, use))


@step(pool="effects", effect="once")
def pay(job: Job) -> str:
    return script.act("pay", "paid")


@step
def thank(pay: str) -> str:
    return script.act("thank", f"thanks, {pay}")


paid_blindly = workflow("paid_blindly", input=Job, flow=series(pay, thank))


def look_for_the_charge(job: Job) -> str | Absent | Unsure:
    return script.act("look_for_the_charge", Absent())


@step(pool="effects", effect="once", reconcile=look_for_the_charge)
def charge(job: Job) -> str:
    return script.act("charge", "charged")


@step
def confirm(charge: str) -> str:
    return script.act("confirm", f"you were {charge}")


charged = workflow("charged", input=Job, flow=series(charge, confirm))


def release(result: str) -> None:
    script.act("release", None)


def refund(result: str) -> None:
    script.act("refund", None)


@step(undo=release)
def reserve(job: Job) -> str:
    return script.act("reserve", "reserved")


@step(pool="effects", undo=refund)
def bill(reserve: str) -> str:
    return script.act("bill", "billed")


@step
def ship(bill: str) -> str:
    return script.act("ship", "shipped")


order = workflow("order", input=Job, on_failure="undo", flow=series(reserve, bill, ship))
