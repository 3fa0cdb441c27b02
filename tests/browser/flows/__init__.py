"""Workflow files for the tests in a browser: what stands in their way can be removed."""
