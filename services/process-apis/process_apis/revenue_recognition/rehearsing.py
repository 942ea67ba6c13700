"""Rehearsed revenue beside what was recognised after it, by contract: what was earned, and each account's move."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import text

from canonical.money import Money
from canonical.postings import NewJournal
from canonical.recognition import Measured
from canonical.rehearsals import RehearsalDifference, RevenueRehearsal
from canonical.work import Finding
from process_apis.ledger.comparing import differing, moves, outcome_of
from servicekit.database import Database

# The newest rehearsal of each contract, and the first recognition after it that went the whole way.
_SIDE = (
    "c.id, c.run_id, c.contract_id, c.contract_number, c.legal_entity_code, c.currency, c.period_end, c.measured,"
    " c.cumulative_required, c.cumulative_posted, c.revenue, c.posting_date, c.document_number,"
    " r.state, r.started_at, r.n"
)
_PAIRS = text(
    f"with rehearsed as (select distinct on (c.contract_id) {_SIDE}, r.plan"
    " from recognition c join run r using (run_id) where r.mode = 'shadow'"
    " and c.legal_entity_code = :entity and c.period_end = :period_end order by c.contract_id, r.n desc)"
    " select to_jsonb(s) as before, to_jsonb(p) as after, t.accounted, t.base_currency,"
    " (select e.findings from exception_case e where e.run_id = s.run_id and e.blocking"
    " order by e.raised_at desc limit 1) as findings"
    f" from rehearsed s left join lateral (select {_SIDE} from recognition c join run r using (run_id)"
    " where c.contract_id = s.contract_id and c.period_end = s.period_end and r.mode = 'automatic'"
    " and r.state <> 'discarded' and r.n > s.n order by r.n limit 1) p on true"
    " left join lateral (select accounted, base_currency from posting where run_id = p.run_id and kind = 'revenue'"
    " order by reference limit 1) t on true order by s.contract_number"
)
_FIELDS = ("facts", "cumulative_required", "cumulative_posted", "revenue")
_ENDED = frozenset({"recognised", "nothing_to_post"})


class _Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two recognitions, as its row says. `plan` is of a rehearsal: the journal, where there is one."""

    id: str
    contract_id: str
    contract_number: str
    legal_entity_code: str
    currency: str
    period_end: date
    state: str
    started_at: datetime
    measured: Measured | None
    cumulative_required: str | None
    cumulative_posted: str | None
    revenue: str | None
    posting_date: date | None
    document_number: str | None
    plan: dict[str, Any] | None = None

    @property
    def facts(self) -> str | None:
        return None if self.measured is None else str(dict(sorted(self.measured.facts.items())))

    @property
    def journal(self) -> NewJournal | None:
        return msgspec.convert(self.plan, NewJournal) if self.plan is not None and "lines" in self.plan else None


class Rehearsing:
    """What mode `shadow` showed of a legal entity's revenue, and what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rehearsals(self, legal_entity_code: str, period_end: date) -> tuple[RevenueRehearsal, ...]:
        """By contract number; none where nothing was rehearsed for the period."""
        async with self._database.begin() as session:
            values = {"entity": legal_entity_code, "period_end": period_end}
            rows = (await session.execute(_PAIRS, values)).mappings().all()
        return tuple(_rehearsal(dict(row)) for row in rows)


def _rehearsal(row: dict[str, Any]) -> RevenueRehearsal:
    before = msgspec.convert(row["before"], _Side)
    after = None if row["after"] is None else msgspec.convert(row["after"], _Side)
    ended = after is not None and after.state in _ENDED
    differences = tuple(_differences(before, after)) if after is not None and ended else ()
    journal = before.journal
    planned = {} if journal is None else {line.account_role: line.amount for line in journal.lines}
    accounted = {role: Money.of(amount, row["base_currency"]) for role, amount in (row["accounted"] or {}).items()}
    moved = () if journal is None else moves(planned, accounted)  # without one the ledger posts by itself
    return RevenueRehearsal(
        contract_id=before.contract_id,
        contract_number=before.contract_number,
        legal_entity_code=before.legal_entity_code,
        period_end=before.period_end,
        outcome=outcome_of(differences, moved, rehearsed=before.state == "shadowed", posted=ended),
        rehearsed_recognition_id=before.id,
        rehearsed_at=before.started_at,
        posted_recognition_id=None if after is None else after.id,
        document_number=None if after is None else after.document_number,
        revenue=_money(before, before.revenue),
        cumulative_required=_money(before, before.cumulative_required),
        differences=differences,
        moves=moved,
        findings=tuple(msgspec.convert(row["findings"] or [], list[Finding])),
    )


def _differences(before: _Side, after: _Side) -> Iterator[RehearsalDifference]:
    yield from differing("revenue", _FIELDS, before, after)
    yield from differing("revenue", ("measure", "percent_complete"), before.measured, after.measured)
    if before.journal is not None:
        yield from differing("journal", ("posting_date",), before.journal, after)


def _money(side: _Side, amount: str | None) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=side.currency)
