"""The steps of a credit: what it goes by, what it writes to the platforms, and what it writes down."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.entries import BillingMark, NewBillingMark
from canonical.invoicing import CreditNote
from canonical.money import Money
from canonical.postings import LedgerEntry, NewReceivable, Receivable, ReceivablePosting
from canonical.releases import Draft, NewCredit, Release
from process_apis.invoice_release.crediting import TakenBack, credit_draft, credit_note, taken_back
from process_apis.invoice_release.periods import posting_day, today_of
from process_apis.invoice_release.reading import Readings
from process_apis.invoice_release.releases import Releases
from process_apis.invoice_release.starting import Starter, Wanted
from process_apis.invoice_release.writing import receivable_line
from process_apis.ledger.postings import Posting, Postings
from process_apis.operations.bindings import Bound
from process_apis.operations.runs import RunChange
from process_apis.running import Tools
from process_apis.systems.connecting import Systems
from servicekit.failures import Failure, Kind

_TAKE_BACK = text(
    "update billable set claimed_amount = claimed_amount - :amount,"
    " claimed_quantity = claimed_quantity - case when :whole then (select coalesce(sum(quantity), 0) from claim"
    " where release_id = :release_id and item_id = :item_id and state = 'live' and disposition = 'billed') else 0 end"
    " where item_id = :item_id"
)
_CREDITED = text(
    "update claim set state = case when :whole then 'credited' else state end,"
    " amount = case when :whole then amount else amount - :amount end"
    " where release_id = :release_id and item_id = :item_id and state = 'live' and disposition = 'billed'"
)
_CREDITED_PART = text(
    "insert into claim (release_id, item_id, item_version, disposition, quantity, amount, state, at)"
    " select release_id, item_id, item_version, disposition, 0, :amount, 'credited', :now from claim"
    " where release_id = :release_id and item_id = :item_id and state = 'live' and disposition = 'billed'"
)
_LIMITS = text(
    "update spending_limit set used = used - :amount where contract_id = :contract_id"
    " and kind in ('cap', 'purchase_order')"
)
_HOLD = text(
    "insert into hold (item_id, contract_id, reason, by_actor, at)"
    " values (:item_id, :contract_id, :reason, :by, :now) on conflict do nothing"
)


class CreditCase(msgspec.Struct, frozen=True, kw_only=True):
    """An issued invoice and what is to be taken back of it."""

    original: Release
    asked: NewCredit
    draft: Draft
    customer_account_id: str
    cost_centre_code: str
    mark_id: str | None
    earlier: tuple[Draft, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing of the original is left, after this credit and those before it."""
        taken = sum((one.net.value for one in (*self.earlier, self.draft)), Decimal(0))
        return self.original.net is not None and taken == self.original.net.value


class CreditSteps:
    """What a credit reads and writes, each method a step."""

    def __init__(
        self, systems: Systems, readings: Readings, releases: Releases, postings: Postings, starter: Starter
    ) -> None:
        self._systems = systems
        self._read = readings
        self._releases = releases
        self._postings = postings
        self._starter = starter

    async def read_case(self, tools: Tools, request: dict[str, str], bound: Bound) -> CreditCase:
        """The original as it was issued, less what earlier credits took. Raises INVALID for what cannot be credited."""
        original = await self._releases.one(request["corrects_release_id"])
        if original.draft is None or original.posting_state != "posted":
            detail = f"release {original.reference} is {original.posting_state} in the ledger: nothing to correct"
            raise Failure(Kind.INVALID, detail, code="not_posted")
        asked = msgspec.json.decode(request["asked"], type=NewCredit)
        entity = await self._read.entity(original.legal_entity_code, bound)
        agreement = await self._read.read_agreement(original.contract_id)
        receivable = await self._systems.erp.receivable(original.receivable_id or "")
        day = today_of(entity, tools.clock.now())
        earlier = await self._earlier(original)
        credited = _taken(earlier)
        return CreditCase(
            original=msgspec.structs.replace(original, steps=()),
            asked=asked,
            draft=credit_draft(original.draft, asked, request["reference"], day, credited),
            customer_account_id=receivable.customer_account_id or "",
            cost_centre_code=agreement.contract.cost_centre_code,
            mark_id=await self._releases.mark_of(original.id),
            earlier=earlier,
        )

    async def keep_draft(self, tools: Tools, run_id: str, case: CreditCase) -> None:
        async with tools.database.begin() as session:
            await self._releases.keep_draft(session, run_id, case.draft)
            original = case.original
            refs = {"contract_id": original.contract_id, "corrects_release_id": original.id}
            change = RunChange(state="running", mode="automatic", refs=refs)
            await tools.runs.change(session, run_id, change)
            await self._releases.change(
                session, run_id, customer_id=original.customer_id, customer_name=original.customer_name
            )

    async def draft_receivable(self, bound: Bound, case: CreditCase, key: str) -> Receivable:
        """Proves that the credit can be posted, before the legal act. Raises INVALID `totals_differ`."""
        draft = case.draft
        day = await self._posting_day(bound, draft.legal_entity_code, draft.document_date)
        new = NewReceivable(
            kind="credit_note",
            reference=draft.reference,
            customer_account_id=case.customer_account_id,
            legal_entity_code=draft.legal_entity_code,
            currency=draft.currency,
            document_date=draft.document_date,
            posting_date=day,
            due_date=draft.due_date,
            customer_reference=draft.customer_reference,
            corrects_document_number=case.original.document_number,
            lines=tuple(receivable_line(line, case.cost_centre_code) for line in draft.lines),
        )
        made = await self._systems.erp.draft_receivable(bound.connections["erp"], new, key)
        if (made.net, made.gross) != (draft.net, draft.gross):
            said = f"{made.net.amount} and {made.gross.amount}"
            detail = f"the ERP says net and gross {said}, the credit {draft.net.amount} and {draft.gross.amount}"
            raise Failure(Kind.INVALID, detail, code="totals_differ")
        return made

    async def discard_receivable(self, receivable: Receivable, key: str) -> Receivable:
        return await self._systems.erp.discard_receivable(receivable.id, f"{key}:discard")

    async def issue(self, case: CreditCase, key: str) -> CreditNote:
        new = credit_note(case.draft, case.asked.reason)
        return await self._systems.billing.credit_invoice(case.original.invoice_id or "", new, key)

    async def post(self, bound: Bound, receivable: Receivable, note: CreditNote, key: str) -> Receivable:
        """Posted on its own day, or the next that takes postings."""
        day = await self._posting_day(bound, receivable.legal_entity_code, note.document_date)
        posting = ReceivablePosting(
            external_number=note.number,
            document_date=note.document_date,
            posting_date=day,
            due_date=note.document_date,
        )
        return await self._systems.erp.post_receivable(receivable.id, posting, key)

    async def remark(self, case: CreditCase, key: str) -> BillingMark | None:
        """The PSA lets go of the invoice's items; those that nothing was taken of are marked again."""
        original, draft = case.original, case.original.draft
        if case.mark_id is None or draft is None or original.project_id is None:
            return None
        await self._systems.psa.cancel_mark(case.mark_id, f"{key}:cancel")
        gone = {one.item_id for credit in (*case.earlier, case.draft) for one in taken_back(draft, credit)}
        left = [source for line in draft.lines for source in line.sources if source.item_id not in gone]
        if not any(source.kind in {"time", "expense", "milestone"} for source in left):
            return None
        new = NewBillingMark(
            invoice_number=f"{original.invoice_number}-{len(case.earlier) + 1}",
            invoice_date=draft.document_date,
            time_entry_ids=tuple(source.item_id for source in left if source.kind == "time"),
            expense_ids=tuple(source.item_id for source in left if source.kind == "expense"),
            milestone_ids=tuple(source.item_id for source in left if source.kind == "milestone"),
        )
        return await self._systems.psa.mark_billed(original.project_id, new, f"{key}:mark")

    async def record_mark(self, tools: Tools, case: CreditCase, mark: BillingMark | None) -> None:
        """Which mark the PSA holds for the original now: the next credit of it lets go of that one."""
        async with tools.database.begin() as session:
            mark_id = None if mark is None else mark.id
            await self._releases.change(session, case.original.run_id, billing_mark_id=mark_id)

    async def rebill(self, case: CreditCase, credit_id: str, actor: str) -> str:
        """Claim the release that bills anew what was credited; the sweep launches it."""
        original = case.original
        wanted = Wanted(
            contract_id=original.contract_id,
            cut_off=original.cut_off,
            corrects=original.id,
            number=original.invoice_number,
            corrected_by=credit_id,
        )
        return await self._starter.claim(wanted, actor)

    async def record_issued(self, tools: Tools, run_id: str, note: CreditNote, receivable: Receivable) -> None:
        async with tools.database.begin() as session:
            await self._releases.change(
                session,
                run_id,
                document_state="issued",
                posting_state="drafted",
                credit_note_id=note.id,
                invoice_number=note.number,
                receivable_id=receivable.id,
                document_date=note.document_date,
                issued_at=tools.clock.now(),
            )

    async def record_posted(
        self,
        tools: Tools,
        run_id: str,
        credit_id: str,
        case: CreditCase,
        posted: Receivable,
        entries: tuple[LedgerEntry, ...],
    ) -> None:
        """The credit stands in the ledger; exactly what it took back may be billed again, or is held."""
        now = tools.clock.now()
        async with tools.database.begin() as session:
            posting = _posting(run_id, case, posted, entries)
            await self._postings.keep(session, posting)
            if await self._releases.posted_before(session, run_id):
                return
            await self._releases.change(
                session,
                run_id,
                posting_state="posted",
                document_number=posted.document_number,
                posting_date=posted.posting_date,
                posted_at=now,
            )
            if case.whole:
                await self._releases.change(session, case.original.run_id, document_state="credited")
            by = f"credit {credit_id}"
            freed = Decimal(0)
            for back in taken_back(case.original.draft or case.draft, case.draft, case.earlier):
                await self._take_back(session, case, back, by, now)
                freed += back.amount.value
            await session.execute(_LIMITS, {"contract_id": case.original.contract_id, "amount": freed})

    async def finish(self, tools: Tools, run_id: str) -> None:
        async with tools.database.begin() as session:
            await tools.runs.change(session, run_id, RunChange(state="credited"))

    async def _take_back(
        self, session: AsyncConnection, case: CreditCase, back: TakenBack, by: str, now: datetime
    ) -> None:
        values = {
            "release_id": case.original.id,
            "item_id": back.item_id,
            "amount": back.amount.value,
            "whole": back.whole,
        }
        await session.execute(_TAKE_BACK, values)
        if not back.whole:
            await session.execute(_CREDITED_PART, {**values, "now": now})
        await session.execute(_CREDITED, values)
        if not case.asked.rebill:
            held = {
                "item_id": back.item_id,
                "contract_id": case.original.contract_id,
                "reason": f"credited: {case.asked.reason}",
                "by": by,
                "now": now,
            }
            await session.execute(_HOLD, held)

    async def _earlier(self, original: Release) -> tuple[Draft, ...]:
        """The posted credits that came before, oldest first."""
        made = [await self._releases.one(one) for one in await self._releases.credits_of(original.id)]
        posted = sorted((one for one in made if one.state == "credited"), key=lambda one: (one.started_at, one.id))
        return tuple(one.draft for one in posted if one.draft is not None)

    async def _posting_day(self, bound: Bound, entity: str, wanted: date) -> date:
        periods = await self._systems.erp.accounting_periods(bound.connections["erp"], entity)
        return posting_day(periods, wanted).day


ANSWER_WITHIN = timedelta(hours=40)


def _taken(earlier: tuple[Draft, ...]) -> dict[str, Decimal]:
    """What earlier credits took of each line."""
    taken: dict[str, Decimal] = {}
    for draft in earlier:
        for line in draft.lines:
            taken[line.key] = taken.get(line.key, Decimal(0)) + line.amount.value
    return taken


def _posting(run_id: str, case: CreditCase, posted: Receivable, entries: tuple[LedgerEntry, ...]) -> Posting:
    """The same accounts as the original, the other way round (B9)."""
    draft = case.draft
    entered: dict[str, Money] = {"receivable": -draft.gross, "tax_payable": draft.gross - draft.net}
    for line in draft.lines:
        former = entered.get(line.account_role, Money.of(0, draft.currency))
        entered[line.account_role] = former + line.amount
    return Posting.of(
        kind="credit_note",
        reference=draft.reference,
        run_id=run_id,
        contract_id=case.original.contract_id,
        legal_entity_code=draft.legal_entity_code,
        document_number=posted.document_number or "",
        posting_date=posted.posting_date,
        entered=entered,
        entries=entries,
    )
