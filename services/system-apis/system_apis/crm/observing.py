"""Sees deals become won: by poll and by change feed, each only a hint to read the deal, and emits `opportunity-won`."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import structlog
from litestar.datastructures import State

from canonical.events import OpportunityWon
from canonical.sales import Opportunity
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.leases import Lease
from servicekit.telemetry import continue_from
from system_apis.crm.port import Crm
from system_apis.directory import Directory
from system_apis.listing import Hint
from system_apis.observing import Fields, Observer, Transition
from system_apis.polling import Poller, Watermarks

KIND = "opportunity"
WATCHED = "opportunity watch"  # the watermark that never moves: since when a connection is watched
PAGE = 200
REMEMBERED = 2000
WON_LAST = timedelta(microseconds=1)
_log = structlog.get_logger(__name__)


class OpportunityWatch:
    """Shows one connection's deals to the observer.

    A deal that was won before `watched_since` is history: seen for the first time, for whatever reason it was touched,
    it raises no event. A later win of the same deal does.
    """

    def __init__(
        self, connection: str, crm: Crm, directory: Directory, observer: Observer, watched_since: datetime
    ) -> None:
        self._connection = connection
        self._crm = crm
        self._directory = directory
        self._observer = observer
        self._watched_since = watched_since
        self._shown: dict[str, Opportunity] = {}

    async def changed_since(self, moment: datetime) -> AsyncIterator[Opportunity]:
        """Every deal that changed since then, page by page."""
        cursor: str | None = None
        while True:
            page = await self._crm.opportunities(moment, cursor, PAGE)
            for opportunity in page.items:
                yield opportunity
            cursor = page.cursor
            if cursor is None:
                return

    async def observe(self, native: Opportunity) -> int:
        """A deal as it was just read; returns how many events that made.

        Polls overlap: a deal that is still what it was is not shown to the observer again.
        """
        if self._shown.get(native.id) == native:
            return 0
        with continue_from("", name=f"observe {KIND}"):
            deal = await self._directory.adopt(native, self._connection)
            made = await self._observer.observe(
                connection=self._connection,
                canonical_id=deal.id,
                version=_version(deal),
                fields={"status": deal.status, "won_at": None if deal.won_at is None else deal.won_at.isoformat()},
                transitions=lambda former: self._transitions(deal, former),
            )
        if len(self._shown) >= REMEMBERED:
            self._shown.clear()
        self._shown[native.id] = native
        return made

    async def look_into(self, hint: Hint) -> int:
        """Read what a hint names, and observe it. What cannot be read now is left to the poll."""
        if hint.kind != KIND:
            return 0
        try:
            return await self.observe(await self._crm.opportunity(hint.native_id))
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                _log.warning("hint_left_to_poll", connection=self._connection, code=failure.code)
            return 0

    async def follow(self) -> None:
        """Look into every hint of the change feed, until cancelled."""
        async for hint in self._crm.changes():
            await self.look_into(hint)

    def _transitions(self, deal: Opportunity, former: Fields | None) -> list[Transition]:
        """Won for the first time, or again: also where it was reopened in between and nobody saw it open."""
        if deal.status != "won" or deal.won_at is None:
            return []
        if former is None and deal.won_at < self._watched_since:
            return []
        if former is not None and former.get("status") == "won" and not _later(deal.won_at, former.get("won_at")):
            return []
        won = OpportunityWon(
            opportunity_id=deal.id,
            customer_id=deal.customer_id,
            contract_id=deal.contract_id,
            kind=deal.kind,
            value=deal.value,
            won_at=deal.won_at,
        )
        return [Transition(event="opportunity-won", data=won, legal_entity_code=deal.legal_entity_code)]


def _version(deal: Opportunity) -> datetime:
    """The moment of its last change; where two readings have the same one, the won reading counts as the later.

    A CRM may keep whole seconds only: a deal that was read open just before its win, and is observed just after it,
    would otherwise be open again, and the next reading a second win.
    """
    return deal.updated_at + WON_LAST if deal.status == "won" else deal.updated_at


def _later(won_at: datetime, former: str | None) -> bool:
    return former is not None and won_at > datetime.fromisoformat(former)


async def _until_cancelled() -> None:
    """A role without connections must not end: it would be started again at once."""
    await asyncio.Event().wait()


class Roles:
    """The background roles of the CRM service, one of each per connection and under a lease of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def poll(self, state: State) -> None:
        """Poll every connection, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_cancelled())
            for connection, crm in state["connections"]:
                poller = self._poller(state, connection, await self._watch(state, connection, crm))
                group.create_task(poller.run(asyncio.Event()))

    async def follow(self, state: State) -> None:
        """Follow every connection's change feed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_cancelled())
            for connection, crm in state["connections"]:
                watch = await self._watch(state, connection, crm)
                group.create_task(self._lease(state, f"feed:{connection}").hold(watch.follow))

    async def _watch(self, state: State, connection: str, crm: Crm) -> OpportunityWatch:
        overlap = timedelta(seconds=state["settings"].poll_overlap_s)
        since = await Watermarks(state["database"]).at(connection, WATCHED, self._clock.now())
        return OpportunityWatch(connection, crm, state["directory"], state["observer"], since - overlap)

    def _poller(self, state: State, connection: str, watch: OpportunityWatch) -> Poller[Opportunity]:
        settings = state["settings"]
        return Poller(
            connection,
            KIND,
            fetch_changed_since=watch.changed_since,
            observe=watch.observe,
            watermarks=Watermarks(state["database"]),
            lease=self._lease(state, f"poll:{connection}:{KIND}"),
            clock=self._clock,
            interval_s=settings.poll_interval_s,
            overlap=timedelta(seconds=settings.poll_overlap_s),
            changed_at=lambda opportunity: opportunity.updated_at,
        )

    def _lease(self, state: State, name: str) -> Lease:
        database = state["database"]
        return Lease(database.url, f"{database.schema}:{name}")
