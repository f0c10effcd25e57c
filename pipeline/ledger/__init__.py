"""The database of runs, messages, deliveries, attempts; the only place that speaks SQL about state."""
