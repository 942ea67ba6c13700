"""Whether an API answers right now, asked of its service at most every five seconds."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import httpx
import msgspec

from servicekit.clock import Clock

FRESH_FOR = timedelta(seconds=5)
_TIMEOUT_S = 2.0


class ApiStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`up`: ready; `down`: not ready, or no answer; `unknown`: this portal does not know its address."""

    api: str
    status: str
    checked_at: datetime


class Statuses:
    """Asks `/health/ready`; many readers at once cost one request."""

    def __init__(self, services: Mapping[str, str], http: httpx.AsyncClient, clock: Clock) -> None:
        self._services = services
        self._http = http
        self._clock = clock
        self._known: dict[str, ApiStatus] = {}
        self._asking = {key: asyncio.Lock() for key in services}

    async def of(self, key: str) -> ApiStatus:
        """The status of the API with this contract key."""
        if key not in self._services:
            return ApiStatus(api=key, status="unknown", checked_at=self._clock.now())
        async with self._asking[key]:
            known = self._known.get(key)
            if known is None or self._clock.now() - known.checked_at >= FRESH_FOR:
                known = ApiStatus(api=key, status=await self._asked(key), checked_at=self._clock.now())
                self._known[key] = known
            return known

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _asked(self, key: str) -> str:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer = await self._http.get(f"{self._services[key].rstrip('/')}/health/ready")
        except (TimeoutError, httpx.HTTPError):
            return "down"
        return "up" if answer.is_success else "down"
