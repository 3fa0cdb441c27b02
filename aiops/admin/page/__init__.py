"""The run page: what it reads, what it says, and how it is drawn."""
