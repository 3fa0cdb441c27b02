"""Workflow files for the faults: what they do is told by the outside world, which the tests hold."""
