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
