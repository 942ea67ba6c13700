"""What people see of invoicing beside one release: unbilled value, who is waited for, failures, lineage, identities."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from canonical.money import Money
from canonical.releases import (
    AgedValue,
    ApprovedValue,
    Lineage,
    LineageEntry,
    ReleaseCount,
    ReleaseStatistics,
    UnbilledContract,
    WaitingApproval,
)
from process_apis.invoice_release.reading import Readings
from process_apis.invoice_release.releases import Releases
from process_apis.ledger.postings import Postings
from process_apis.systems.connecting import Systems
from servicekit.clock import Clock
from servicekit.database import Database

_COUNTS = text(
    "select r.state, l.document_state, l.posting_state, l.payment_state, l.currency, count(*) as runs,"
    " coalesce(sum(cast(l.draft->'net'->>'amount' as numeric)), 0) as net from release l join run r using (run_id)"
    " where cast(:entity as text) is null or l.legal_entity_code = :entity"
    " group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5"
)
_UNBILLED = text(
    "select b.contract_id, b.legal_entity_code, b.currency, b.amount - b.claimed_amount as amount, b.due,"
    " h.item_id is not null as held, coalesce(s.used >= s.amount, false) as at_cap,"
    " extract(epoch from cast(:now as timestamptz) - coalesce(b.approved_at, b.updated_at)) / 86400 as age_days,"
    " r.contract_number, r.customer_name"
    " from billable b left join hold h using (item_id)"
    " left join spending_limit s on s.contract_id = b.contract_id and s.kind = 'cap'"
    " left join lateral (select contract_number, customer_name from release where release.contract_id = b.contract_id"
    " order by updated_at desc limit 1) r on true"
    " where b.amount > b.claimed_amount and not b.withdrawn and not b.part_of_fixed_fee"
    " and (cast(:entity as text) is null or b.legal_entity_code = :entity) order by b.contract_id"
)
_WAITING = text(
    "select l.id as release_id, a.id as approval_id, a.required_role, a.amount, a.currency, a.requested_at, a.due_at,"
    " a.reminded_at from approval a join release l using (run_id)"
    " where a.status = 'pending' and (cast(:entity as text) is null or l.legal_entity_code = :entity)"
    " order by a.due_at"
)
# The identity of approved value: each part by contract. Time and expenses alone: amounts by date have no approval.
_APPROVED = text(
    "select b.contract_id, b.currency, sum(b.amount) as approved,"
    " coalesce(sum(c.billed), 0) as billed, coalesce(sum(c.covered), 0) as covered,"
    " coalesce(sum(c.written_down), 0) as written_down, coalesce(sum(c.credited), 0) as credited,"
    " sum(case when b.part_of_fixed_fee then b.amount - b.claimed_amount else 0 end) as part_of_fixed_fee,"
    " sum(case when b.part_of_fixed_fee then 0 when h.item_id is not null then b.amount - b.claimed_amount else 0 end)"
    " as held,"
    " sum(case when b.part_of_fixed_fee or h.item_id is not null then 0 when coalesce(s.used >= s.amount, false)"
    " then b.amount - b.claimed_amount else 0 end) as above_cap,"
    " sum(case when b.part_of_fixed_fee or h.item_id is not null or coalesce(s.used >= s.amount, false) or not b.due"
    " then 0 else b.amount - b.claimed_amount end) as due,"
    " sum(case when b.part_of_fixed_fee or h.item_id is not null or coalesce(s.used >= s.amount, false) or b.due"
    " then 0 else b.amount - b.claimed_amount end) as not_due"
    " from billable b left join hold h using (item_id)"
    " left join spending_limit s on s.contract_id = b.contract_id and s.kind = 'cap'"
    " left join lateral (select sum(amount) filter (where disposition = 'billed' and state <> 'let_go') as billed,"
    " sum(amount) filter (where disposition = 'covered' and state = 'live') as covered,"
    " sum(amount) filter (where disposition = 'written_down' and state = 'live') as written_down,"
    " sum(amount) filter (where disposition = 'billed' and state = 'credited') as credited"
    " from claim where claim.item_id = b.item_id) c on true"
    " where not b.withdrawn and b.kind in ('time', 'expense')"
    " and (cast(:contract_id as text) is null or b.contract_id = :contract_id)"
    " and (cast(:entity as text) is null or b.legal_entity_code = :entity) group by 1, 2 order by 1"
)
_NUMBERS = text("select distinct contract_id, contract_number from release")
_BILLED_LINES = text(
    "select l.contract_id, coalesce(sum(cast(line->'amount'->>'amount' as numeric)), 0) as lines"
    " from release l, jsonb_array_elements(l.draft->'lines') line"
    " where l.kind <> 'credit' and line->'sources'->0->>'kind' in ('time', 'expense')"
    " and exists (select from claim c where c.release_id = l.id and c.state <> 'let_go') group by 1"
)
_AGES = ((7, "7"), (30, "30"), (60, "60"))


class Viewing:
    """Everything that invoicing's screens are made of."""

    def __init__(
        self,
        database: Database,
        releases: Releases,
        postings: Postings,
        systems: Systems,
        readings: Readings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._releases = releases
        self._postings = postings
        self._systems = systems
        self._read = readings
        self._clock = clock

    async def statistics(self, entity: str | None) -> ReleaseStatistics:
        """All of it as of now, of one legal entity or all."""
        now = self._clock.now()
        async with self._database.begin() as session:
            counts = (await session.execute(_COUNTS, {"entity": entity})).mappings().all()
            unbilled = (await session.execute(_UNBILLED, {"entity": entity, "now": now})).mappings().all()
            waiting = (await session.execute(_WAITING, {"entity": entity})).mappings().all()
        failed = await self._releases.many({"legal_entity_code": entity, "posting_state": "failed"}, None, 100)
        doubted = await self._releases.many({"legal_entity_code": entity, "posting_state": "in_doubt"}, None, 100)
        return ReleaseStatistics(
            releases=tuple(_counts(counts)),
            unbilled=tuple(_unbilled(unbilled)),
            waiting=tuple(_waiting(dict(row)) for row in waiting),
            posting_failures=(*failed, *doubted),
            as_of=now,
        )

    async def approved_values(self, contract_id: str | None, entity: str | None) -> tuple[ApprovedValue, ...]:
        """The identity of approved value, by contract (B31): of one, of those of a legal entity, or of all."""
        values = {"contract_id": contract_id, "entity": entity}
        async with self._database.begin() as session:
            rows = (await session.execute(_APPROVED, values)).mappings().all()
            numbers = {row.contract_id: row.contract_number for row in (await session.execute(_NUMBERS)).all()}
            lines = {row.contract_id: Decimal(row.lines) for row in (await session.execute(_BILLED_LINES)).all()}
        return tuple(
            _identity(dict(row), numbers.get(row["contract_id"], ""), lines.get(row["contract_id"], Decimal(0)))
            for row in rows
        )

    async def lineage(self, release_id: str) -> Lineage:
        """From the time entry to the line in the ledger. Raises MISSING."""
        release = await self._releases.one(release_id)
        entries: tuple[LineageEntry, ...] = ()
        posting = None
        if release.document_number is not None:
            bound = await self._read.read_bindings(release.legal_entity_code)
            found = await self._systems.erp.ledger_entries(
                bound.connections["erp"], release.legal_entity_code, release.document_number
            )
            entries = tuple(
                LineageEntry(
                    entry_number=entry.entry_number,
                    posting_date=entry.posting_date,
                    account_number=entry.account_number,
                    account_role=entry.account_role,
                    amount=entry.amount,
                )
                for entry in found
            )
            postings = await self._postings.of_contract(release.contract_id)
            posting = next((one for one in postings if one.reference == release.reference), None)
        return Lineage(
            release=release,
            entries=entries,
            rate=None if posting is None else posting.rate,
            rate_date=None if posting is None else posting.posting_date,
            credits=await self._releases.credits_of(release.id),
            as_of=self._clock.now(),
        )


def _counts(rows: Iterable[Any]) -> Iterable[ReleaseCount]:
    groups: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for row in rows:
        groups[row["state"], row["document_state"], row["posting_state"], row["payment_state"]].append(row)
    for (state, document, posting, payment), found in groups.items():
        yield ReleaseCount(
            state=state,
            document_state=document,
            posting_state=posting,
            payment_state=payment,
            count=sum(int(row["runs"]) for row in found),
            net=tuple(Money.of(row["net"], row["currency"]) for row in found),
        )


def _unbilled(rows: Iterable[Any]) -> Iterable[UnbilledContract]:
    """Each item counts under one heading alone: held, above the cap, not due, or due."""
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row["contract_id"]].append(row)
    for contract_id, found in groups.items():
        first = found[0]
        sums: dict[str, Decimal] = defaultdict(Decimal)
        ages: dict[str, Decimal] = defaultdict(Decimal)
        for row in found:
            sums[_heading(row)] += row["amount"]
            ages[next((name for days, name in _AGES if row["age_days"] <= days), "older")] += row["amount"]
        parts = {name: Money.of(sums[name], first["currency"]) for name in ("due", "not_due", "held", "above_cap")}
        yield UnbilledContract(
            contract_id=contract_id,
            contract_number=first["contract_number"] or "",
            customer_name=first["customer_name"] or "",
            legal_entity_code=first["legal_entity_code"],
            ages=tuple(AgedValue(age=age, amount=Money.of(amount, first["currency"])) for age, amount in ages.items()),
            **parts,
        )


def _heading(row: Any) -> str:
    if row["held"]:
        return "held"
    if row["at_cap"]:
        return "above_cap"
    return "due" if row["due"] else "not_due"


def _waiting(row: dict[str, Any]) -> WaitingApproval:
    value = Money(amount=row.pop("amount"), currency=row.pop("currency"))
    return WaitingApproval(value=value, **row)


def _identity(row: dict[str, Any], number: str, lines: Decimal) -> ApprovedValue:
    """`invoiced` is what stands on invoices; that lines are rounded as a whole, not by entry, is `rounding`."""
    currency, billed = row["currency"], row["billed"]
    unclaimed = ("due", "not_due", "held", "part_of_fixed_fee", "above_cap")
    rest = sum((row[name] for name in (*unclaimed, "covered", "written_down")), Decimal(0))
    rounding = billed - lines
    difference = row["approved"] - (lines - row["credited"] + rest + rounding)

    def shown(value: Decimal) -> str:
        return Money.of(value, currency).amount

    return ApprovedValue(
        contract_id=row["contract_id"],
        contract_number=number,
        currency=currency,
        approved=shown(row["approved"]),
        invoiced=shown(lines),
        credited=shown(row["credited"]),
        unbilled_due=shown(row["due"]),
        unbilled_not_due=shown(row["not_due"]),
        held=shown(row["held"]),
        covered=shown(row["covered"]),
        part_of_fixed_fee=shown(row["part_of_fixed_fee"]),
        above_cap=shown(row["above_cap"]),
        written_down=shown(row["written_down"]),
        rounding=shown(rounding),
        difference=shown(difference),
    )
