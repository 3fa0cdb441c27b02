"""What a durable step costs, next to bare Celery on the same machine: `python -m bench`."""
