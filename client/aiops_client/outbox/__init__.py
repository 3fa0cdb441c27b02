"""A Django app: runs that are started when, and only when, the caller's transaction commits."""
