"""How many connections to use: from one upwards while the server answers well, half as many when it
complains."""


class Concurrency:
    """Doubles its way up until the first complaint; after that it takes `patience` mails to dare one
    more (as TCP does)."""

    def __init__(self, most: int, patience: int = 100) -> None:
        self.most = most
        self.target = 1
        self._patience = patience
        self._good = 0
        self._complained = False

    def good(self) -> None:
        """A mail was taken."""
        self._good += 1
        if self.target < self.most and (not self._complained or self._good >= self._patience):
            self.target += 1
            self._good = 0

    def complaint(self) -> None:
        """421, a rate limit, a connection that could not be opened."""
        self._complained = True
        self.target = max(1, self.target // 2)
        self._good = 0

    def restart(self) -> None:
        """After a pause: one connection, and carefully."""
        self._complained = True
        self.target = 1
        self._good = 0
