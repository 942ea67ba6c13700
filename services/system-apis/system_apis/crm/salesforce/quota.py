"""How much of the organisation's calls of the day is used, as each answer's `Sforce-Limit-Info` tells."""

import re
from datetime import datetime, timedelta

from servicekit.clock import Clock

_USAGE = re.compile(r"(?:^|\s|;)api-usage=(\d+)/(\d+)")
LOOK_AGAIN = timedelta(minutes=10)  # nothing else tells us that calls have become free again


class Quota:
    """Low above a share of the day's calls. A low reading is forgotten after a while, so that we look again."""

    def __init__(self, percent: int, clock: Clock) -> None:
        self._percent = percent
        self._clock = clock
        self._low_at: datetime | None = None

    def note(self, header: str) -> None:
        found = _USAGE.search(header)
        if found is not None:
            used, most = int(found[1]), int(found[2])
            self._low_at = self._clock.now() if used * 100 >= most * self._percent else None

    def is_low(self) -> bool:
        return self._low_at is not None and self._clock.now() < self._low_at + LOOK_AGAIN
