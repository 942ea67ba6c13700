"""The writing steps of a release. Each passes the key under which it happens once, whoever asks how often."""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from canonical.entries import BillingMark, NewBillingMark
from canonical.invoicing import Invoice, NewInvoice, NewInvoiceLine
from canonical.postings import NewReceivable, NewReceivableLine, Receivable, ReceivablePosting
from canonical.releases import Draft, DraftLine
from process_apis.invoice_release.periods import PostingDay, posting_day
from process_apis.operations.bindings import Bound
from process_apis.systems.connecting import Systems
from servicekit.failures import Failure, FieldError, Kind

_HEALS = frozenset({Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.THROTTLED, Kind.BUSY, Kind.BAD_UPSTREAM, Kind.IN_DOUBT})
_DAY = timedelta(days=1)


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts that a document is made on, and the cost centre that its lines are dimensioned by."""

    billing_account_id: str
    customer_account_id: str
    cost_centre_code: str


class Dates(msgspec.Struct, frozen=True, kw_only=True):
    """The days that a document is issued and posted under, and why they are not those of the draft, if so."""

    document_date: date
    posting_date: date
    due_date: date
    moved: str | None


class Writings:
    """What a release writes, each method a step. `key` is the run's id and the step's name."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems

    async def settle_dates(self, bound: Bound, draft: Draft, today: date) -> Dates:
        """The draft's own dates, while its period takes postings. Before the legal act both move together to the next.

        Raises INVALID `period_closed`. Nothing is written: the last look before the documents are made.
        """
        terms = draft.due_date - draft.document_date
        found = await self._posting_day(bound, draft.legal_entity_code, draft.document_date)
        if found.moved is None:
            return Dates(document_date=draft.document_date, posting_date=found.day, due_date=draft.due_date, moved=None)
        day = max(found.day, today)
        return Dates(document_date=day, posting_date=day, due_date=day + terms, moved=found.moved)

    async def draft_receivable(
        self, bound: Bound, draft: Draft, accounts: Accounts, dates: Dates, key: str
    ) -> Receivable:
        new = NewReceivable(
            kind="invoice",
            reference=draft.reference,
            customer_account_id=accounts.customer_account_id,
            legal_entity_code=draft.legal_entity_code,
            currency=draft.currency,
            document_date=dates.document_date,
            posting_date=dates.posting_date,
            due_date=dates.due_date,
            customer_reference=draft.customer_reference,
            lines=tuple(receivable_line(line, accounts.cost_centre_code) for line in draft.lines),
        )
        return await self._systems.erp.draft_receivable(bound.connections["erp"], new, key)

    async def draft_invoice(
        self, bound: Bound, draft: Draft, accounts: Accounts, dates: Dates, corrects: str | None, key: str
    ) -> Invoice:
        new = NewInvoice(
            reference=draft.reference,
            kind=draft.kind,
            billing_account_id=accounts.billing_account_id,
            legal_entity_code=draft.legal_entity_code,
            currency=draft.currency,
            contract_number=draft.contract_number,
            customer_reference=draft.customer_reference,
            corrects_number=corrects,
            document_date=dates.document_date,
            due_date=dates.due_date,
            supply_from=draft.supply_from,
            supply_to=draft.supply_to,
            note=draft.note,
            lines=tuple(_invoice_line(line) for line in draft.lines),
            tax=draft.tax,
            net=draft.net,
            gross=draft.gross,
        )
        return await self._systems.billing.create_invoice(bound.connections["billing"], new, key)

    async def prove(self, draft: Draft, invoice: Invoice, receivable: Receivable) -> None:
        """Billing, ERP and draft agree to the minor unit, or the invoice is not issued (B2, B33).

        Raises INVALID `totals_differ` with every amount that does not agree.
        """
        now = await self._systems.erp.receivable(receivable.id)
        tax = draft.gross - draft.net
        expected = {"net": draft.net, "tax": tax, "gross": draft.gross}
        found = [
            FieldError(
                pointer=f"/{system}/{name}",
                code="totals_differ",
                message=f"{system} says {name} {seen.amount}, the draft {expected[name].amount} {draft.currency}",
            )
            for system, document in (("billing", invoice), ("erp", now))
            for name, seen in (("net", document.net), ("tax", document.tax), ("gross", document.gross))
            if seen != expected[name]
        ]
        if found:
            raise Failure(Kind.INVALID, "; ".join(error.message for error in found), "totals_differ", tuple(found))

    async def issue(self, invoice: Invoice, key: str) -> Invoice:
        return await self._systems.billing.issue_invoice(invoice.id, key)

    async def post(self, bound: Bound, receivable: Receivable, invoice: Invoice, dates: Dates, key: str) -> "Posted":
        """Post with the invoice's own dates; where the period closed meanwhile, on the next day that takes postings.

        Raises INVALID `issued_not_posted` for what the ERP refuses: the legal document stands, its booking waits.
        """
        entity = receivable.legal_entity_code
        try:
            found = await self._posting_day(bound, entity, dates.posting_date)
            posting = ReceivablePosting(
                external_number=invoice.number or "",
                document_date=dates.document_date,
                posting_date=found.day,
                due_date=dates.due_date,
            )
            posted = await self._systems.erp.post_receivable(receivable.id, posting, key)
        except Failure as failure:
            if failure.kind in _HEALS or failure.kind is Kind.MISCONFIGURED:
                raise
            cause = FieldError(pointer="/posting", code=failure.code, message=failure.detail)
            detail = f"invoice {invoice.number} is issued and not posted: {failure.detail}"
            raise Failure(Kind.INVALID, detail, "issued_not_posted", (cause, *failure.errors)) from failure
        return Posted(receivable=posted, moved=found.moved or dates.moved)

    async def mark_billed(self, project_id: str, draft: Draft, invoice: Invoice, key: str) -> BillingMark | None:
        """Tell the PSA what stands on the invoice; nothing to tell where only dates of the schedule do."""
        new = NewBillingMark(
            invoice_number=invoice.number or "",
            invoice_date=invoice.document_date or draft.document_date,
            time_entry_ids=tuple(dict.fromkeys(_ids(draft, "time"))),
            expense_ids=tuple(dict.fromkeys(_ids(draft, "expense"))),
            milestone_ids=tuple(dict.fromkeys(_ids(draft, "milestone"))),
        )
        if not (new.time_entry_ids or new.expense_ids or new.milestone_ids):
            return None
        return await self._systems.psa.mark_billed(project_id, new, key)

    async def withdraw_invoice(self, invoice: Invoice, key: str) -> Invoice:
        """Discard the draft; void an issued invoice, which was neither sent nor posted."""
        now = await self._systems.billing.invoice(invoice.id)
        if now.document_state == "issued":
            return await self._systems.billing.void_invoice(invoice.id, f"{key}:void")
        if now.document_state == "draft":
            return await self._systems.billing.discard_invoice(invoice.id, f"{key}:discard")
        return now

    async def withdraw_receivable(self, receivable: Receivable, key: str) -> Receivable:
        return await self._systems.erp.discard_receivable(receivable.id, f"{key}:discard")

    async def _posting_day(self, bound: Bound, entity: str, wanted: date) -> PostingDay:
        periods = await self._systems.erp.accounting_periods(bound.connections["erp"], entity)
        return posting_day(periods, wanted)


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """The posted receivable, and why it is not on the day that was drafted, if so."""

    receivable: Receivable
    moved: str | None


def receivable_line(line: DraftLine, cost_centre_code: str) -> NewReceivableLine:
    return NewReceivableLine(
        key=line.key,
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=line.amount,
        account_role=line.account_role,
        tax_code=line.tax_code,
        cost_centre_code=cost_centre_code,
    )


def _invoice_line(line: DraftLine) -> NewInvoiceLine:
    return NewInvoiceLine(
        key=line.key,
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=line.amount,
        tax_code=line.tax_code,
        tax_percent=line.tax_percent,
        tax=line.tax,
        supply_from=line.supply_from,
        supply_to=line.supply_to,
        project_number=line.project_number,
    )


def _ids(draft: Draft, kind: str) -> Iterable[str]:
    """What is billed or covered, in whole or in part: the PSA knows no parts of an entry."""
    yield from (source.item_id for line in draft.lines for source in line.sources if source.kind == kind)
    yield from (left.item_id for left in draft.left_out if left.kind == kind and left.reason == "covered")
