"""What the parts of the connector share: the calls, the settings, what is remembered, and finding a record's marker."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from system_apis.psa.kantata.api import Api
from system_apis.psa.kantata.records import Envelope
from system_apis.psa.kantata.settings import Settings

V = TypeVar("V")

_REMEMBERED_FOR = timedelta(minutes=5)
_ASKED_AT_ONCE = 200  # ids in one `only`


class Remembered(Generic[V]):
    """What thousands of entries share and seldom changes: read once, asked for again after five minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, V] = {}
        self._since: datetime | None = None

    async def of(self, keys: Iterable[str], read: Callable[[str], Awaitable[Mapping[str, V]]]) -> dict[str, V]:
        """The value of each key. `read` is given the missing ones, comma-separated, at most 200 at a time."""
        now = self._clock.now()
        if self._since is None or now - self._since > _REMEMBERED_FOR:
            self._known, self._since = {}, now
        missing = sorted(set(keys) - self._known.keys())
        for start in range(0, len(missing), _ASKED_AT_ONCE):
            self._known |= await read(",".join(missing[start : start + _ASKED_AT_ONCE]))
        return dict(self._known)


class Account:
    """A Kantata account as one connection sees it."""

    def __init__(self, api: Api, settings: Settings, clock: Clock) -> None:
        self._api = api
        self._settings = settings
        self._people: Remembered[str] = Remembered(clock)  # e-mail or name by user
        self._internal: Remembered[bool] = Remembered(clock)  # whether a project has no customer
        self._field_names: dict[str, str] = {}
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # customers' groups, by customer

    async def _field_name(self, field_id: str) -> str:
        """A record's custom field values come with names, not with ids. Names are read once per process."""
        if field_id and field_id not in self._field_names:
            found = await self._api.one("custom_fields", field_id, "")
            self._field_names[field_id] = found.custom_fields[field_id].name
        return self._field_names.get(field_id, "")

    async def _marked(
        self, kind: str, marker: Mapping[str, str], include: str = "", **parameters: str
    ) -> tuple[Envelope, str] | None:
        """The one record that carries the marker, with its id. Raises CONFLICT when several do."""
        found = await self._api.referenced(kind, marker, include, **parameters)
        if len(found.results) > 1:
            raise Failure(Kind.CONFLICT, "the PSA holds several records of one operation", code="duplicate_marker")
        return (found, found.results[0].id) if found.results else None


@contextmanager
def half_done() -> Iterator[None]:
    """A record of the write exists already: whatever may heal from here on is IN_DOUBT.

    So the next try comes after the marker's lag, finds the record and goes on, instead of making a second one.
    """
    try:
        yield
    except Failure as failure:
        if not failure.kind.retryable or failure.kind is Kind.IN_DOUBT:
            raise
        detail = "the PSA holds a part of the record; the rest is added when it answers again"
        raise Failure(Kind.IN_DOUBT, detail, vendor_detail=failure.vendor_detail or failure.detail) from failure
