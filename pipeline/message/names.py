"""The names that templates see without defining them."""

CONTEXT_NAMES = frozenset(
    {
        "title", "description", "period", "params", "recipient", "run", "job",
        "datasets", "charts", "files", "attachments", "theme", "preheader", "locale",
    }
)  # fmt: skip
"""What every template can use besides the datasets and charts by their own names."""

COMPONENT_NAMES = frozenset({"table", "kpi", "chart", "sparkline", "button", "banner", "section"})

JINJA_NAMES = frozenset(
    {"range", "dict", "cycler", "joiner", "namespace", "loop", "self", "super", "caller", "varargs", "kwargs"}
)

RESERVED_NAMES = CONTEXT_NAMES | COMPONENT_NAMES | JINJA_NAMES
"""No dataset and no chart can have one of these names: in a template it would hide what it is named after."""
