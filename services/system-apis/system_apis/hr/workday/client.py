"""Workday as an `Hr`: workers from WQL, dated terms from a report, changes from the transaction log, absence from REST.

Sources: REST (Staffing v6, absence v1), WQL v1, reports as a service, Workday Web Services v44.2. Only reads.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Self

import structlog

from canonical.effective import DateRange
from canonical.people import Absence, CostRate, Worker
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from system_apis.hr.workday import mapping
from system_apis.hr.workday.settings import Settings
from system_apis.hr.workday.tenant import Row, Tenant, text_literal
from system_apis.hr.workday.transaction_log import LONG_AGO, Place, to_place
from system_apis.hr.workday.visibility import KnownWorkers, Source, missing_columns, require_whole
from system_apis.listing import Listing

ABSENCE = Source(name="absence", columns=("date", "firstDayOfLeave"))
BELIEVED = timedelta(seconds=60)  # how long absence is taken for visible after it was seen: it has calls of its own
_WID = re.compile(r"[0-9a-f]{32}")
_log = structlog.get_logger(__name__)


class Connector:
    """One tenant, read with the rights of its integration user. Native ids are WIDs, of workers and of persons."""

    def __init__(self, tenant: Tenant, settings: Settings, clock: Clock) -> None:
        self._tenant = tenant
        self._settings = settings
        self._clock = clock
        self._known = KnownWorkers(tenant, settings)
        self._margin = timedelta(seconds=settings.clock_margin_s)
        names = settings.workers
        fields = _texts(names, without=("source", "reference"))
        self._select = f"SELECT {', '.join(fields)} FROM {names.source}"
        self._workers = Source(name=names.source, columns=fields)
        self._terms, self._eligibility, self._cost_rates = (
            Source(name=report.report, columns=_texts(report, without=("report",)))
            for report in (settings.terms, settings.eligibility, settings.cost_rates)
        )
        self._absence_seen: datetime | None = None

    @classmethod
    def connect(cls, name: str, settings: Settings, clock: Clock) -> Self:
        return cls(Tenant.connect(name, settings, clock), settings, clock)

    async def worker(self, native_id: str) -> Worker:
        rows = await self._rows([native_id])
        if not rows:
            raise Failure(Kind.MISSING, "HR has no such worker")
        return (await self._told(rows, leave_out=False))[0]

    async def workers(self, changed_since: datetime | None, cursor: str | None, limit: int) -> Listing[Worker]:
        """By id without `changed_since`. Changes come as the log tells them: one worker may come twice."""
        if changed_since is None:
            return await self._everyone(cursor, limit)
        # The last seconds before a poll were out of its reach, see _latest: the next one reaches back for them.
        since = max(changed_since, LONG_AGO + mapping.DAY) - self._margin
        place = Place(window="entered", page=1, through=self._latest()) if cursor is None else to_place(cursor)
        if place.through <= since:
            return Listing(items=())
        found = await self._tenant.changed(since, place, limit)
        items = await self._told(await self._rows(found.wids))
        following = _following(place, more=found.more)
        return Listing(items=items, cursor=None if following is None else str(following))

    async def absences(self, native_id: str, from_date: date, to_date: date) -> tuple[Absence, ...]:
        last_day = to_date - mapping.DAY
        if last_day < from_date:
            return ()
        narrowed = {"fromDate": from_date.isoformat(), "toDate": last_day.isoformat()}
        narrowed["status"] = mapping.APPROVED_TIME_OFF
        time_off, leaves = await self._absence_rows(_wid(native_id), narrowed)
        if not time_off or not leaves:
            await self._see_absence()
        asked = DateRange(from_date=from_date, to_date=to_date)
        found = [*mapping.to_time_off(native_id, time_off), *mapping.to_leaves(native_id, leaves, self._settings)]
        touching = [absence for absence in found if absence.effective.overlaps(asked)]
        return tuple(sorted(touching, key=lambda absence: absence.effective.from_date))

    async def cost_rates(self, native_id: str) -> tuple[CostRate, ...]:
        """By day. None at all is told only of a worker who is there."""
        rows = (await self._reported(self._cost_rates, self._settings.cost_rates.worker, [native_id]))[native_id]
        if not rows and not await self._rows([native_id]):
            raise Failure(Kind.MISSING, "HR has no such worker")
        return mapping.to_cost_rates(rows, self._settings)

    async def check(self) -> None:
        """Signs in by all doors, and looks at the known workers for every field that we use."""
        settings, through = self._settings, self._latest()
        place = Place(window="entered", page=1, through=through)
        await self._tenant.changed(through - timedelta(minutes=1), place, 1)
        self._known.forget()
        wids = await self._known.wids()
        await self._rows(wids)
        await self._reported(self._terms, settings.terms.worker, wids)
        await self._reported(self._eligibility, settings.eligibility.worker, wids)
        await self._reported(self._cost_rates, settings.cost_rates.worker, wids)
        self._absence_seen = None
        await self._see_absence()

    async def close(self) -> None:
        await self._tenant.close()

    def _latest(self) -> datetime:
        """The latest moment that Workday does not take for one to come."""
        return self._clock.now() - self._margin

    async def _everyone(self, cursor: str | None, limit: int) -> Listing[Worker]:
        """By WID, which has an order that stays: someone new moves others to a later page, never to an earlier one."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise Failure(Kind.MALFORMED, "the cursor cannot be read", code="invalid_cursor")
        offset = int(cursor or 0)
        query = f"{self._select} ORDER BY {self._settings.workers.wid}"
        rows, total = await self._tenant.query(query, limit=limit, offset=offset)
        if missing_columns(self._workers, rows):
            await self._rows(await self._known.wids())
        read = offset + len(rows)
        return Listing(items=await self._told(rows), cursor=str(read) if rows and read < total else None)

    async def _told(self, rows: Sequence[Row], *, leave_out: bool = True) -> tuple[Worker, ...]:
        """The workers with their terms. One whose record is incomplete is left out, or raised for."""
        if not rows:
            return ()
        settings, now = self._settings, self._clock.now()
        wids = [mapping.required(row, settings.workers.wid) for row in rows]
        terms, checks = await asyncio.gather(
            self._reported(self._terms, settings.terms.worker, wids),
            self._reported(self._eligibility, settings.eligibility.worker, wids),
        )
        found = []
        for wid, row in zip(wids, rows, strict=True):
            try:
                found.append(mapping.to_worker(row, terms[wid], checks[wid], settings, now))
            except Failure as failure:
                if failure.code != "record_incomplete" or not leave_out:
                    raise
                _log.warning("worker_left_out", native_id=wid, reason=failure.detail)
        return tuple(found)

    async def _rows(self, native_ids: Sequence[str]) -> list[Row]:
        """The workers' own rows. The known workers are asked for with them, to see that every field arrives."""
        if not native_ids:
            return []
        names = self._settings.workers
        asked = await self._with_known(native_ids)
        wanted = ", ".join(text_literal(wid) for wid in asked)
        query = f"{self._select} WHERE {names.reference} IN ({wanted})"
        rows, _ = await self._tenant.query(query, limit=len(asked))
        require_whole(self._workers, rows)
        return [row for row in rows if mapping.required(row, names.wid) in native_ids]

    async def _reported(self, source: Source, column: str, wids: Sequence[str]) -> defaultdict[str, list[Row]]:
        """The rows of a report by worker. The known workers are asked for with them, as above."""
        found: defaultdict[str, list[Row]] = defaultdict(list)
        if not source.name:
            return found
        rows = await self._tenant.report(source.name, await self._with_known(wids))
        require_whole(source, rows)
        for row in rows:
            found[mapping.required(row, column)].append(row)
        return found

    async def _with_known(self, native_ids: Sequence[str]) -> list[str]:
        wanted = [_wid(native_id) for native_id in native_ids]
        return list(dict.fromkeys([*wanted, *await self._known.wids()]))

    async def _absence_rows(self, wid: str, params: Row) -> tuple[list[Row], list[Row]]:
        return await asyncio.gather(
            self._tenant.resource(f"/workers/{wid}/timeOffDetails", params),
            self._tenant.resource(f"/workers/{wid}/leavesOfAbsence", {}),
        )

    async def _see_absence(self) -> None:
        """That someone is never away is believed where the known workers' absence arrives, or did a moment ago."""
        now = self._clock.now()
        if self._absence_seen is not None and now < self._absence_seen + BELIEVED:
            return
        found = await asyncio.gather(*(self._absence_rows(wid, {}) for wid in await self._known.wids()))
        require_whole(ABSENCE, [row for both in found for rows in both for row in rows])
        self._absence_seen = now


def _wid(native_id: str) -> str:
    if not _WID.fullmatch(native_id):
        raise Failure(Kind.MISSING, "HR has no such worker")
    return native_id


def _following(place: Place, *, more: bool) -> Place | None:
    """The next page of the window, then the other window, then nothing."""
    if more:
        return Place(window=place.window, page=place.page + 1, through=place.through)
    if place.window == "entered":
        return Place(window="effective", page=1, through=place.through)
    return None


def _texts(names: object, *, without: tuple[str, ...]) -> tuple[str, ...]:
    """The names that the settings give, without those that the firm does not keep."""
    chosen = [getattr(names, field) for field in type(names).__struct_fields__ if field not in without]  # type: ignore[attr-defined]
    return tuple(name for name in chosen if name)
