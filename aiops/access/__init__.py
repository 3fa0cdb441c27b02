"""Who is let in through the front doors: keys of programs, and tokens of one run."""
