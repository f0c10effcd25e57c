"""Due times and periods: pure functions of plain values; the APScheduler trigger."""
