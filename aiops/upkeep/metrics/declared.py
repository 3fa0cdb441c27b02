"""Every metric that is exported: its name, its kind, its labels, and what it means. Declared here, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "histogram"]

#: More values of a label than these are told together as OTHER: a metric must not grow with the data.
MOST_WORKFLOWS = 50
MOST_MODELS = 30
MOST_LANES = 50
OTHER = "other"

#: Upper bounds of the parts of a histogram, in seconds.
BOUNDS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 1800)
#: Runs last longer.
LONG_BOUNDS_S = (0.1, 0.5, 1, 5, 15, 30, 60, 300, 900, 3600, 14400, 86400)


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: Kind
    says: str
    labels: tuple[str, ...] = ()
    bounds_s: tuple[float, ...] = BOUNDS_S

    @property
    def samples(self) -> tuple[str, ...]:
        """The names under which its numbers appear."""
        match self.kind:
            case "gauge":
                return (self.name,)
            case "counter":
                return (f"{self.name}_total",)
            case "histogram":
                return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))


def _all(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS = _all(
    # Work that waits
    Metric(
        "aiops_queue_steps",
        "gauge",
        "Steps and items that wait for a worker; state held: their run or workflow is paused.",
        ("pool", "state"),
    ),
    Metric(
        "aiops_queue_age_seconds", "gauge", "How long the oldest of them has waited.", ("pool",)
    ),
    Metric(
        "aiops_queue_messages",
        "gauge",
        "Messages in the broker's queue; absent when the broker does not answer.",
        ("pool",),
    ),
    Metric("aiops_pool_paused", "gauge", "1: a person has paused the pool.", ("pool",)),
    Metric("aiops_pool_busy", "gauge", "Workers of the pool that run a step.", ("pool",)),
    Metric("aiops_pool_slots", "gauge", "Steps that its live nodes can run at once.", ("pool",)),
    Metric("aiops_pool_nodes", "gauge", "Live nodes that serve the pool.", ("pool",)),
    Metric("aiops_runs_open", "gauge", "Runs that have not ended.", ("state",)),
    Metric(
        "aiops_parked_steps",
        "gauge",
        "Steps that wait for something that is no worker.",
        ("reason",),
    ),
    Metric(
        "aiops_parked_age_seconds", "gauge", "How long the oldest of them has waited.", ("reason",)
    ),
    # The promise
    Metric(
        "aiops_limbo_steps",
        "gauge",
        "Unfinished steps that nothing will move. Always 0 but for moments.",
    ),
    Metric(
        "aiops_leases",
        "gauge",
        "Claims on steps; expired: their worker is gone or hangs.",
        ("state",),
    ),
    Metric(
        "aiops_user_status_stale_seconds",
        "gauge",
        "For how long the most outdated status has told users of work whose lease or wait is over.",
    ),
    Metric("aiops_keeper_leader", "gauge", "1: a keeper leads and is alive."),
    Metric(
        "aiops_node_silent_seconds",
        "gauge",
        "Since when the node of this role that was heard last has said nothing.",
        ("role",),
    ),
    Metric(
        "aiops_clock_skew_seconds",
        "gauge",
        "The largest difference between a live node's clock and the database's.",
    ),
    Metric(
        "aiops_messages_resent",
        "counter",
        "Messages that the keeper sent again because nobody took them in time.",
    ),
    Metric("aiops_messages_ignored", "counter", "Messages that came and did nothing.", ("cause",)),
    # Providers
    Metric("aiops_lane_state", "gauge", "1 for the state that the lane is in.", ("lane", "state")),
    Metric("aiops_lane_in_flight", "gauge", "Calls on their way.", ("lane",)),
    Metric(
        "aiops_lane_used",
        "gauge",
        "Used in the present window (what: requests, tokens).",
        ("lane", "what"),
    ),
    Metric(
        "aiops_lane_limit",
        "gauge",
        "The limit of a window, or of calls at once; absent: none.",
        ("lane", "what"),
    ),
    Metric("aiops_lane_waiting_steps", "gauge", "Steps that wait in line for the lane.", ("lane",)),
    Metric(
        "aiops_lane_counted", "gauge", "0: Redis does not answer, each process counts for itself."
    ),
    # People
    Metric("aiops_escalations_open", "gauge", "Questions that wait for a person.", ("kind",)),
    Metric("aiops_escalations_overdue", "gauge", "Of these, past their due time.", ("kind",)),
    Metric(
        "aiops_escalation_age_seconds", "gauge", "How long the oldest has been open.", ("kind",)
    ),
    Metric(
        "aiops_notifications_waiting",
        "gauge",
        "Messages to people and programs that were not handed over yet.",
        ("channel",),
    ),
    Metric(
        "aiops_notification_age_seconds",
        "gauge",
        "How long the oldest of them has waited.",
        ("channel",),
    ),
    # Since midnight UTC
    Metric("aiops_attempts", "counter", "Attempts that ended.", ("workflow", "pool", "outcome")),
    Metric("aiops_attempt_seconds", "histogram", "How long they took.", ("workflow", "pool")),
    Metric(
        "aiops_model_calls", "counter", "Model calls that ended.", ("model", "workflow", "outcome")
    ),
    Metric("aiops_model_seconds", "histogram", "Time at the provider.", ("model",)),
    Metric(
        "aiops_model_queue_seconds",
        "counter",
        "Seconds that calls waited before they left.",
        ("model",),
    ),
    Metric(
        "aiops_model_tokens",
        "counter",
        "Tokens (kind: input, cached, output, reasoning); cached is part of input, reasoning of output.",
        ("model", "workflow", "kind"),
    ),
    Metric(
        "aiops_model_cost_usd",
        "counter",
        "Dollars; purpose: first, or again after a failure (retry), for a better answer (repair), for a lost one (lost).",
        ("model", "workflow", "purpose"),
    ),
    Metric(
        "aiops_model_uncertain_usd",
        "counter",
        "Of these, what nobody knows to be billed.",
        ("model",),
    ),
    Metric(
        "aiops_model_unpriced_calls",
        "counter",
        "Calls whose price nobody knows; they are in no sum.",
        ("model",),
    ),
    Metric("aiops_runs_ended", "counter", "Runs that ended.", ("workflow", "state")),
    Metric(
        "aiops_run_seconds",
        "histogram",
        "From their start to their end.",
        ("workflow",),
        LONG_BOUNDS_S,
    ),
    Metric(
        "aiops_user_status_lag_seconds",
        "histogram",
        "From the end of a run's last step until its status says that the run has ended.",
    ),
    # The scrape
    Metric("aiops_scrape_ok", "gauge", "0: this part could not be read.", ("part",)),
    Metric("aiops_scrape_seconds", "gauge", "How long reading it took.", ("part",)),
)
