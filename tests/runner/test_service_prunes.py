"""A service that is told to stop while it removes what is too old."""

import os
import threading
from pathlib import Path

from projects import SMALLEST, make_project
from running import Running

from pipeline.service import Service
from pipeline.wiring import Workspace


def test_a_service_ends_after_the_prune_that_is_under_way(tmp_path: Path) -> None:
    services: list[Service] = []

    def serve(workspace: Workspace, stop: threading.Event) -> bool:
        services.append(Service(workspace))
        return services[0].run(stop)

    running = Running(make_project(tmp_path, f"retention: 90 days\n{SMALLEST}"), serve)
    running.until("service.started")
    mark = tmp_path / "var/artifacts/used-by-another"
    os.mkfifo(mark)
    pruner = threading.Thread(target=services[0]._prune)  # else it comes ten minutes after the start
    pruner.start()
    with mark.open("w") as pipe:  # opens once prune reads there, and holds it up
        stopper = threading.Thread(target=running.stop)
        stopper.start()
        running.until("service.stopping")
        stopper.join(1)
        assert running.alive
        pipe.write("a ledger elsewhere")
    pruner.join()
    stopper.join()
    *_, refused, stopped = running.seen
    assert (refused["event"], stopped["event"]) == ("service.error", "service.stopped")
    assert "files of another ledger, too: a ledger elsewhere" in refused["reason"]
