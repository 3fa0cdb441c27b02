"""Workflow files for the tests of the engine: what their steps do is in `script`."""
