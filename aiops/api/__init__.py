"""The front doors: HTTP for programs, streams and pages for the people who wait."""
