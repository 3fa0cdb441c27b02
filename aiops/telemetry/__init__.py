"""What leaves the system about itself: spans and logs. Knows nothing of the record."""
