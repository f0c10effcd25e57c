"""How much of something to dare with a server: more while it answers well, half as much when it complains."""

_PATIENCE = 100
"""Good answers after a complaint until one more is dared."""


class Concurrency:
    """How many connections, or letters in flight on one. Grows by one with each good answer until the first
    complaint; after that it takes a hundred of them to dare one more (as TCP does)."""

    def __init__(self, most: int, *, first: int = 1, least: int = 1) -> None:
        self.most = most
        self.target = first
        self._least = least
        self._good = 0
        self._complained = False

    def good(self) -> None:
        """A mail was taken, or a connection opened."""
        self._good += 1
        if self.target < self.most and (not self._complained or self._good >= _PATIENCE):
            self.target += 1
            self._good = 0

    def complaint(self) -> None:
        """Of connections: 421, a rate limit, one that could not be opened. Of letters in flight: they were lost."""
        self._complained = True
        self.target = max(self._least, self.target // 2)
        self._good = 0

    def restart(self) -> None:
        """After a pause: one, and carefully."""
        self._complained = True
        self.target = 1
        self._good = 0

    def end(self) -> None:
        """None any more, for good."""
        self.most = self.target = 0
