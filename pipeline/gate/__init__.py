"""The gate: whether a run's numbers may leave. Pure, from datasets, params, the due time and the last sent run."""
