"""Webhooks out: telling programs outside what happens to their runs, at least once and in order."""
