"""The operators' pages. Importing this registers them."""

from aiops.admin import escalation, event, node, run, step, workflow

__all__ = ["escalation", "event", "node", "run", "step", "workflow"]
