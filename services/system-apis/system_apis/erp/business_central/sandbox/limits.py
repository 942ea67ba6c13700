"""What one app may do at once and in five minutes. Source: operational-limits-online.md, dynamics-rate-limits.md."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sandboxkit.app import Context
from system_apis.erp.business_central.sandbox.refusals import too_many

CONCURRENT = 5
CONNECTIONS = 100  # at work or waiting; one more is refused
WINDOW = timedelta(minutes=5)
PER_WINDOW = 6000


class Limits:
    """Five requests at work, the next ninety-five wait, the hundred-and-first is refused. All may be set in config."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._connections = int(context.config.get("connections", CONNECTIONS))
        self._per_window = int(context.config.get("per_window", PER_WINDOW))
        self._places = asyncio.Semaphore(int(context.config.get("concurrent", CONCURRENT)))
        self._open = 0
        self._times: deque[float] = deque()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Raises Refusal 429."""
        self._count()
        if self._open >= self._connections:
            raise too_many(self._open + 1, self._connections)
        self._open += 1
        try:
            async with self._places:
                yield
        finally:
            self._open -= 1

    def _count(self) -> None:
        now = self._clock.now().timestamp()
        while self._times and self._times[0] <= now - WINDOW.total_seconds():
            self._times.popleft()
        if len(self._times) >= self._per_window:
            raise too_many(len(self._times) + 1, self._per_window)
        self._times.append(now)
