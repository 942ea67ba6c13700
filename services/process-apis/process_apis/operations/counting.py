"""Counts over runs and exceptions for screens: numerators and denominators, ages, and values by currency."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from canonical.money import Money
from canonical.work import CycleTime, ExceptionStatistics, OnboardingStatistics, OwnerCount, StateCount
from process_apis.operations.runs import ENDED_STATES
from servicekit.clock import Clock
from servicekit.database import Database

_STATES = text(
    "select state, currency, count(*) as count, sum(cast(amount as numeric)) as value from run"
    " where process = :process group by state, currency order by state, currency"
)
_CYCLE = text(
    "select count(*) as activated,"
    " percentile_cont(0.5) within group (order by extract(epoch from activated_at - arose_at)) as p50_s,"
    " percentile_cont(0.9) within group (order by extract(epoch from activated_at - arose_at)) as p90_s,"
    " percentile_cont(0.5) within group (order by waiting_s) as waiting_p50_s,"
    " percentile_cont(0.9) within group (order by waiting_s) as waiting_p90_s,"
    " count(*) filter (where not exists (select from exception_case e where e.run_id = run.run_id"
    " and e.class = 'business' and e.blocking)) as first_time_right"
    " from run where process = :process and activated_at >= :period_from and activated_at < :period_to"
)
_OLDEST = text(
    "select extract(epoch from cast(:now as timestamptz) - min(arose_at)) from run"
    " where process = :process and state <> all(:ended)"
)
_OWNERS = text(
    "select owner_team, currency, count(*) as count, count(*) filter (where due_at < :now) as overdue,"
    " max(extract(epoch from cast(:now as timestamptz) - raised_at)) as oldest_s, sum(cast(amount as numeric)) as value"
    " from exception_case where resolved_at is null group by owner_team, currency order by owner_team, currency"
)


class Counting:
    """Counts, each as of now."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def onboardings(self, process: str, period_from: datetime, period_to: datetime) -> OnboardingStatistics:
        """All runs by state; cycle time over those activated in the period."""
        now = self._clock.now()
        period = {"process": process, "period_from": period_from, "period_to": period_to}
        async with self._database.begin() as session:
            states = (await session.execute(_STATES, {"process": process})).mappings().all()
            cycle = (await session.execute(_CYCLE, period)).mappings().one()
            values = {"process": process, "now": now, "ended": sorted(ENDED_STATES)}
            oldest = (await session.execute(_OLDEST, values)).scalar_one()
        counted = _grouped(states, "state")
        return OnboardingStatistics(
            states=tuple(
                StateCount(state=state, count=sum(row["count"] for row in rows), value=_values(rows))
                for state, rows in counted.items()
            ),
            period_from=period_from,
            period_to=period_to,
            cycle_time=CycleTime(oldest_open_s=None if oldest is None else float(oldest), **cycle),
            as_of=now,
        )

    async def exceptions(self) -> ExceptionStatistics:
        """The open ones by owner."""
        now = self._clock.now()
        async with self._database.begin() as session:
            found = (await session.execute(_OWNERS, {"now": now})).mappings().all()
        return ExceptionStatistics(
            owners=tuple(
                OwnerCount(
                    owner_team=owner,
                    count=sum(row["count"] for row in rows),
                    overdue=sum(row["overdue"] for row in rows),
                    oldest_s=float(max(row["oldest_s"] for row in rows)),
                    value_at_stake=_values(rows),
                )
                for owner, rows in _grouped(found, "owner_team").items()
            ),
            as_of=now,
        )


def _grouped(rows: Iterable[Any], by: str) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row[by]].append(row)
    return groups


def _values(rows: list[Any]) -> tuple[Money, ...]:
    return tuple(Money.of(Decimal(row["value"]), row["currency"]) for row in rows if row["currency"] is not None)
