"""Rehearsed invoices beside those that followed them: the comparison that a controller asks for before going live."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import text

from canonical.money import Money
from canonical.rehearsals import RehearsalDifference, ReleaseRehearsal
from canonical.releases import Draft, DraftLine
from canonical.work import Finding
from process_apis.invoice_release.drafting import would_post
from process_apis.invoice_release.notices import Notice
from process_apis.ledger.comparing import converted, differing, moves, outcome_of
from servicekit.database import Database

# The newest rehearsal of each contract, and the first release after it that went the whole way.
_PAIRS = text(
    "with rehearsed as (select distinct on (l.contract_id) l.id, l.run_id, l.contract_id, l.contract_number,"
    " l.legal_entity_code, l.cut_off, l.draft, l.revision, r.state, r.started_at, r.plan->'notices' as notices"
    " from release l join run r using (run_id) where r.mode = 'shadow' and l.kind <> 'credit'"
    " and l.legal_entity_code = :entity and l.cut_off = :cut_off order by l.contract_id, l.revision desc)"
    " select s.*, p.id as posted_id, p.state as posted_state, p.draft as posted_draft, p.invoice_number,"
    " p.document_state, p.document_date, p.posting_date, p.due_date, p.posting_moved, t.accounted, t.base_currency,"
    " (select e.findings from exception_case e where e.run_id = s.run_id and e.blocking"
    " order by e.raised_at desc limit 1) as findings"
    " from rehearsed s left join lateral (select l.*, r.state from release l join run r using (run_id)"
    " where l.contract_id = s.contract_id and l.cut_off = s.cut_off and l.kind not in ('credit', 'rebill')"
    " and r.mode = 'automatic' and r.state <> 'discarded' and l.revision > s.revision"
    " order by l.revision limit 1) p on true"
    " left join posting t on t.run_id = p.run_id and t.kind = 'invoice' order by s.contract_number"
)
_DOCUMENT = (
    *("kind", "currency", "customer_name", "customer_reference", "tax_treatment", "note", "supply_from", "supply_to"),
    *("document_date", "posting_date", "due_date", "net", "gross", "rate", "net_in_entity_currency"),
)
_LINE = (
    *("description", "quantity", "unit_price", "amount", "account_role", "tax_code", "tax_percent", "tax"),
    *("supply_from", "supply_to", "project_number"),
)
_ENDED = frozenset({"posted", "nothing_to_bill"})


class Rehearsing:
    """What mode `shadow` showed of a legal entity's invoices, and what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rehearsals(self, legal_entity_code: str, cut_off: date) -> tuple[ReleaseRehearsal, ...]:
        """By contract number; none where nothing was rehearsed up to that day."""
        async with self._database.begin() as session:
            values = {"entity": legal_entity_code, "cut_off": cut_off}
            rows = (await session.execute(_PAIRS, values)).mappings().all()
        return tuple(_rehearsal(dict(row)) for row in rows)


def draft_differences(rehearsed: Draft, posted: Draft) -> Iterator[RehearsalDifference]:
    """Field by field. A line is known by what it bills: its items, not its place."""
    yield from differing("document", _DOCUMENT, rehearsed, posted)
    if rehearsed.tax != posted.tax:
        before, after = (
            ", ".join(f"{one.tax_code} {one.tax.amount}" for one in side.tax) for side in (rehearsed, posted)
        )
        yield RehearsalDifference(subject="document", field="tax", rehearsed=before, posted=after)
    lines, others = _by_items(rehearsed.lines), _by_items(posted.lines)
    for items in sorted({*lines, *others}):
        line, other = lines.get(items), others.get(items)
        known = line or other
        yield from differing("" if known is None else known.description, _LINE, line, other)


def _by_items(lines: Iterable[DraftLine]) -> dict[tuple[str, ...], DraftLine]:
    return {tuple(source.item_id for source in line.sources): line for line in lines}


def _rehearsal(row: dict[str, Any]) -> ReleaseRehearsal:
    draft = None if row["draft"] is None else msgspec.convert(row["draft"], Draft)
    posted = _as_posted(row)
    rehearsed, ended = row["state"] == "shadowed" and draft is not None, row["posted_state"] in _ENDED
    differences = () if draft is None or posted is None else tuple(draft_differences(draft, posted))
    accounted = {role: Money.of(amount, row["base_currency"]) for role, amount in (row["accounted"] or {}).items()}
    moved = moves({} if draft is None else _in_base(draft), accounted)
    return ReleaseRehearsal(
        contract_id=row["contract_id"],
        contract_number=row["contract_number"],
        legal_entity_code=row["legal_entity_code"],
        cut_off=row["cut_off"],
        outcome=outcome_of(differences, moved, rehearsed=rehearsed, posted=ended),
        rehearsed_release_id=row["id"],
        rehearsed_at=row["started_at"],
        posted_release_id=row["posted_id"],
        invoice_number=row["invoice_number"],
        lines=0 if draft is None else len(draft.lines),
        differences=differences,
        moves=moved,
        findings=tuple(_findings(row)),
        remarks=tuple(_remarks(row)),
    )


def _as_posted(row: dict[str, Any]) -> Draft | None:
    """The draft of what followed, with the dates that its documents were given in the end."""
    if row["posted_draft"] is None:
        return None
    names = ("document_date", "posting_date", "due_date")
    dates = {name: row[name] for name in names if row[name] is not None}
    return msgspec.structs.replace(msgspec.convert(row["posted_draft"], Draft), **dates)


def _in_base(draft: Draft) -> dict[str, Money]:
    amounts = {role: amount.value for role, amount in would_post(draft).items()}
    return converted(amounts, draft.net_in_entity_currency.currency, Decimal(draft.rate or 1))


def _findings(row: dict[str, Any]) -> Iterator[Finding]:
    """What stood in its way; of a draft, what people should see to."""
    yield from msgspec.convert(row["findings"] or [], list[Finding])
    for notice in msgspec.convert(row["notices"] or [], list[Notice]):
        for error in notice.errors:
            yield Finding(code=notice.code, field=error.pointer, message=error.message, fix="")


def _remarks(row: dict[str, Any]) -> Iterator[str]:
    if row["posting_moved"] is not None:
        yield row["posting_moved"]
    if row["document_state"] == "credited":
        yield f"{row['invoice_number']} was credited afterwards: its credit, and what was billed anew, follow it"
