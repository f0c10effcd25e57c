"""jobs.yaml → `Project` and `Job`: loading with line numbers, checking, JSON Schema."""
