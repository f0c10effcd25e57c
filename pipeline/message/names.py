"""The names that every template sees besides the datasets and charts by their own names."""

CONTEXT_NAMES = frozenset(
    {
        "title", "description", "period", "params", "recipient", "run", "job",
        "datasets", "charts", "files", "attachments", "theme", "preheader", "locale",
        "unsubscribe", "logo",
    }
)  # fmt: skip
"""`jobs.reserved` keeps datasets and charts from having one of them."""
