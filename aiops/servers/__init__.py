"""PostgreSQL and Valkey from wheels, under our own supervisor. Knows neither Django nor Celery."""
