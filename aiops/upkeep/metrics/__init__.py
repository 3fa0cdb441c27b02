"""What Prometheus is told, read from the record when it asks."""
