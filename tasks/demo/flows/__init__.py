"""Workflows that only pretend, to show what the console shows. None of them is real work."""
