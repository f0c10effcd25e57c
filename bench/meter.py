"""What one run of one peer cost: wall and CPU seconds of the timed block, peak memory of the process; memory now."""

import json
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass
class Meter:
    """Times a block and prints one JSON line at its end; imports and loading of the input stay outside."""

    mails: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0

    def __enter__(self) -> Self:
        self.cpu_seconds, self.seconds = -_cpu(), -time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.seconds += time.perf_counter()
        self.cpu_seconds += _cpu()
        self.peak_mib = max(resource.getrusage(who).ru_maxrss for who in _WHO) / 1024
        if kind is None:
            print(json.dumps(asdict(self)), flush=True)


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, _WHO))


def rss_mib() -> float:
    """Resident memory of this process now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20
