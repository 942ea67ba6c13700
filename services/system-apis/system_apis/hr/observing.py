"""Sees people become known to HR: polls for changes, each a worker read afresh, and emits `employee-created`.

The first poll of a connection reads everyone, so that whoever is there already is never taken for new.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

from litestar.datastructures import State

from canonical.events import EmployeeCreated
from canonical.people import Worker
from servicekit.clock import Clock
from servicekit.leases import Lease
from servicekit.telemetry import continue_from
from system_apis.directory import Directory
from system_apis.hr.port import Hr
from system_apis.observing import Fields, Observer, Transition
from system_apis.polling import Poller, Watermarks

KIND = "worker"
WATCHED = "worker watch"  # the watermark that never moves: since when a connection is watched
MET = "worker first look"  # the watermark that moves once: when everyone had been read
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = 100


class WorkerWatch:
    """Shows one connection's workers to the observer.

    Who was known to HR before `watched_since` is history: seen for the first time, for whatever reason the record was
    touched, they raise no event.
    """

    def __init__(
        self,
        connection: str,
        hr: Hr,
        directory: Directory,
        observer: Observer,
        watermarks: Watermarks,
        watched_since: datetime,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._hr = hr
        self._directory = directory
        self._observer = observer
        self._watermarks = watermarks
        self._watched_since = watched_since
        self._clock = clock

    async def changed_since(self, moment: datetime) -> AsyncIterator[Worker]:
        """Everyone who changed since then by either clock of HR, some twice; the first time everyone at all."""
        met = await self._watermarks.at(self._connection, MET, NEVER)
        if met == NEVER:
            async for worker in self._read(None):
                yield worker
            await self._watermarks.move(self._connection, MET, NEVER, self._clock.now())
        async for worker in self._read(moment):
            yield worker

    async def observe(self, native: Worker) -> int:
        """A worker as just read; returns how many events that made."""
        with continue_from("", name=f"observe {KIND}"):
            worker = await self._directory.adopt(native, self._connection)
            return await self._observer.observe(
                connection=self._connection,
                canonical_id=worker.id,
                version=worker.updated_at,
                fields={"status": status_of(worker, self._clock.now().date())},
                transitions=lambda former: self._transitions(worker, former),
            )

    async def _read(self, moment: datetime | None) -> AsyncIterator[Worker]:
        cursor: str | None = None
        while True:
            page = await self._hr.workers(moment, cursor, PAGE)
            for worker in page.items:
                yield worker
            cursor = page.cursor
            if cursor is None:
                return

    def _transitions(self, worker: Worker, former: Fields | None) -> list[Transition]:
        recorded_at = min(terms.recorded_at for terms in worker.terms)
        if former is not None or recorded_at < self._watched_since:
            return []
        created = EmployeeCreated(
            worker_id=worker.id,
            person_id=worker.person_id,
            worker_number=worker.employment.number,
            employment_kind=worker.employment.kind,
            effective_date=worker.employment.hire_date,
            recorded_at=recorded_at,
        )
        first = min(worker.terms, key=lambda terms: terms.effective.from_date)
        return [Transition(event="employee-created", data=created, legal_entity_code=first.legal_entity_code)]


def status_of(worker: Worker, day: date) -> str:
    """`scheduled` before the hire date, `ended` after the last day, `active` in between."""
    employment = worker.employment
    if day < employment.hire_date:
        return "scheduled"
    ended = employment.termination_date is not None and employment.termination_date < day
    return "ended" if ended else "active"


class Roles:
    """The background role of the HR service, one per connection and under a lease of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def poll(self, state: State) -> None:
        """Poll every connection, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for connection, hr in state["connections"]:
                poller = self._poller(state, connection, await self._watch(state, connection, hr))
                group.create_task(poller.run(asyncio.Event()))

    async def _watch(self, state: State, connection: str, hr: Hr) -> WorkerWatch:
        overlap = timedelta(seconds=state["settings"].poll_overlap_s)
        watermarks = Watermarks(state["database"])
        since = await watermarks.at(connection, WATCHED, self._clock.now()) - overlap
        return WorkerWatch(connection, hr, state["directory"], state["observer"], watermarks, since, self._clock)

    def _poller(self, state: State, connection: str, watch: WorkerWatch) -> Poller[Worker]:
        """Its watermark is our clock's: a worker's own moment may lie before changes that were entered meanwhile."""
        settings, database = state["settings"], state["database"]
        return Poller(
            connection,
            KIND,
            fetch_changed_since=watch.changed_since,
            observe=watch.observe,
            watermarks=Watermarks(database),
            lease=Lease(database.url, f"{database.schema}:poll:{connection}:{KIND}"),
            clock=self._clock,
            interval_s=settings.poll_interval_s,
            overlap=timedelta(seconds=settings.poll_overlap_s),
        )
