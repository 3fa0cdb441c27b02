"""The client of an AI operations server: start a run, follow it, take its result."""

from aiops_client.client import Client
from aiops_client.problem import Problem, Unreachable
from aiops_client.run import Run
from aiops_client.status import Part, Status

__all__ = ["Client", "Part", "Problem", "Run", "Status", "Unreachable"]
