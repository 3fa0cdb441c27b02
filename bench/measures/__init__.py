"""One idea per file: each has `measure(bench)`, which yields figures. In the table's order below."""

ORDER = (
    "accept",
    "chain",
    "hopping",
    "throughput",
    "maps",
    "efficiency",
    "traffic",
    "recovery",
)

#: Measured only when named; each has a table of its own.
APART = ("faults",)
