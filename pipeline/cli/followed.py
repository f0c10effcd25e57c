"""What `--json` says of a run that a command followed to its end."""

from pipeline.single_run import Followed


def run_facts(followed: Followed) -> dict[str, object]:
    """With the log's field names."""
    run = followed.run
    return {
        "job": run.key.job,
        "run": str(run.key),
        "due": run.key.due,
        "state": str(run.state),
        "reason": run.reason or None,
        "messages": run.messages,
        "deliveries": {str(state): count for state, count in followed.counts.items()},
        "already": followed.already,
    }
