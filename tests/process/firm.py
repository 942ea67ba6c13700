"""A firm's platforms in memory, as the money processes see them: PSA, billing with numbers, an ERP with a real ledger.

Each write happens once per key; it may be refused, or lose its answer after its effect. The ledger always balances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from canonical.billing import BillingSchedule
from canonical.delivery import Milestone, Project
from canonical.entries import BillingMark, Expense, NewBillingMark, RateCard, RecognisedRevenue, TimeEntry
from canonical.invoicing import CreditNote, Invoice, InvoiceLine, NewCreditNote, NewInvoice
from canonical.money import Money
from canonical.people import CostRate
from canonical.postings import (
    Journal,
    LedgerEntry,
    NewReceivable,
    Receivable,
)
from canonical.sales import Contract, Customer
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

NOW = datetime(2026, 12, 30, 9, 0, tzinfo=UTC)
RATES = {"EUR": Decimal("0.86"), "USD": Decimal("0.79")}  # into GBP
ROLES = ("receivable", "unbilled_receivable", "contract_asset", "contract_liability", "revenue", "tax_payable")


@dataclass
class Firm:
    """Everything that the platforms hold, what was written, and what they are told to refuse or lose."""

    contracts: dict[str, Contract] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    schedules: dict[str, BillingSchedule] = field(default_factory=dict)
    entries: dict[str, TimeEntry] = field(default_factory=dict)
    expenses: dict[str, Expense] = field(default_factory=dict)
    milestones: dict[str, list[Milestone]] = field(default_factory=dict)
    rate_cards: tuple[RateCard, ...] = ()
    recognised: list[RecognisedRevenue] = field(default_factory=list)
    cost_rates: dict[str, tuple[CostRate, ...]] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    credit_notes: dict[str, CreditNote] = field(default_factory=dict)
    receivables: dict[str, Receivable] = field(default_factory=dict)
    lines: dict[str, NewReceivable] = field(default_factory=dict)
    journals: dict[str, Journal] = field(default_factory=dict)
    ledger: list[LedgerEntry] = field(default_factory=list)
    marks: dict[str, tuple[BillingMark, NewBillingMark]] = field(default_factory=dict)
    open_from: date = date(2026, 1, 1)
    blocked: bool = False
    tax_percent: str | None = "20"
    erp_tax_off_by: Decimal = Decimal(0)
    done: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    refusals: dict[str, list[Failure]] = field(default_factory=dict)
    losses: dict[str, int] = field(default_factory=dict)

    def once(self, write: str, key: str, make: Callable[[], Any]) -> Any:
        """What the write under this key made, the first time or now. Told to lose an answer, it does so after it."""
        if self.refusals.get(write):
            raise self.refusals[write].pop(0)
        if key not in self.done:
            self.calls.append(write)
            self.done[key] = make()
        if self.losses.get(write):
            self.losses[write] -= 1
            raise Failure(Kind.IN_DOUBT, "the connection broke")
        return self.done[key]

    def post(
        self, entity: str, document: str, day: date, amounts: dict[str, Money], project: str | None = None
    ) -> None:
        """Write the lines of a document, which add up to nothing. A name that is no role is an account without one."""
        if day < self.open_from:
            raise Failure(Kind.INVALID, f"{day} is not within the allowed posting dates", code="period_closed")
        assert 0 == sum(amount.value for amount in amounts.values())
        for role, amount in amounts.items():
            number = str(len(self.ledger) + 1)
            entry = LedgerEntry(
                entry_number=number,
                legal_entity_code=entity,
                posting_date=day,
                document_number=document,
                account_number=f"A-{role}",
                account_role=role if role in ROLES else None,
                amount=amount,
                description=document,
                project_number=project,
            )
            self.ledger.append(entry)

    def balance(self, role: str) -> Decimal:
        return sum((one.amount.value for one in self.ledger if one.account_role == role), Decimal(0))


def missing(what: str) -> Failure:
    return Failure(Kind.MISSING, f"there is no {what}")


class FirmCrm:
    def __init__(self, firm: Firm) -> None:
        self._firm = firm

    async def contract(self, contract_id: str) -> Contract:
        if contract_id not in self._firm.contracts:
            raise missing("contract")
        return self._firm.contracts[contract_id]

    async def customer(self, customer_id: str) -> Customer:
        return self._firm.customers[customer_id]


class FirmHr:
    def __init__(self, firm: Firm) -> None:
        self._firm = firm

    async def cost_rates(self, worker_id: str) -> tuple[CostRate, ...]:
        return self._firm.cost_rates.get(worker_id, ())


class FirmPsa:
    def __init__(self, firm: Firm) -> None:
        self._firm = firm

    async def project(self, project_id: str) -> Project:
        if project_id not in self._firm.projects:
            raise missing("project")
        return self._firm.projects[project_id]

    async def projects(self, connection: str) -> tuple[Project, ...]:
        self._firm.reads.append("projects")
        return tuple(self._firm.projects.values())

    async def project_of_contract(self, connection: str, contract_number: str) -> Project | None:
        found = (one for one in self._firm.projects.values() if one.contract_number == contract_number)
        return next(found, None)

    async def time_entries(self, connection: str, **query: str | None) -> tuple[TimeEntry, ...]:
        self._firm.reads.append("time_entries")
        return tuple(one for one in self._firm.entries.values() if _fits(one, one.work_date, query))

    async def expenses(self, connection: str, **query: str | None) -> tuple[Expense, ...]:
        self._firm.reads.append("expenses")
        return tuple(one for one in self._firm.expenses.values() if _fits(one, one.spend_date, query))

    async def milestones(self, project_id: str) -> tuple[Milestone, ...]:
        return tuple(self._firm.milestones.get(project_id, ()))

    async def rate_cards(self, project_id: str) -> tuple[RateCard, ...]:
        return self._firm.rate_cards

    async def recognised_revenue(self, project_id: str) -> tuple[RecognisedRevenue, ...]:
        return tuple(one for one in self._firm.recognised if one.project_id == project_id)

    async def resource(self, resource_id: str) -> Any:
        return msgspec.defstruct("Found", [("worker_id", str)])("wrk_" + resource_id.removeprefix("res_"))

    async def mark_billed(self, project_id: str, new: NewBillingMark, key: str) -> BillingMark:
        def make() -> BillingMark:
            mark = BillingMark(
                id=mint("bmk"), project_id=project_id, invoice_number=new.invoice_number, cancelled=False
            )
            self._firm.marks[mark.id] = (mark, new)
            self._mark(new, "invoiced")
            return mark

        return self._firm.once("mark_billed", key, make)

    async def cancel_mark(self, mark_id: str, key: str) -> BillingMark:
        def make() -> BillingMark:
            mark, new = self._firm.marks[mark_id]
            self._mark(new, "unbilled")
            self._firm.marks[mark_id] = (msgspec.structs.replace(mark, cancelled=True), new)
            return self._firm.marks[mark_id][0]

        return self._firm.once("cancel_mark", key, make)

    def _mark(self, new: NewBillingMark, state: str) -> None:
        for held, ids in ((self._firm.entries, new.time_entry_ids), (self._firm.expenses, new.expense_ids)):
            for one in ids:
                held[one] = msgspec.structs.replace(held[one], billing_state=state)


class FirmBilling:
    def __init__(self, firm: Firm) -> None:
        self._firm = firm

    async def schedule_of_project(self, connection: str, project_number: str) -> BillingSchedule | None:
        return self._firm.schedules.get(project_number)

    async def invoice(self, invoice_id: str) -> Invoice:
        return self._firm.invoices[invoice_id]

    async def invoices(self, connection: str) -> tuple[Invoice, ...]:
        return tuple(self._firm.invoices.values())

    async def create_invoice(self, connection: str, new: NewInvoice, key: str) -> Invoice:
        def make() -> Invoice:
            invoice = _invoice(new)
            self._firm.invoices[invoice.id] = invoice
            return invoice

        return self._firm.once("create_invoice", key, make)

    async def issue_invoice(self, invoice_id: str, key: str) -> Invoice:
        numbered = sum(one.number is not None for one in self._firm.invoices.values())
        return self._changed("issue_invoice", invoice_id, key, document_state="issued", number=f"N-{numbered + 1:04}")

    async def discard_invoice(self, invoice_id: str, key: str) -> Invoice:
        return self._changed("discard_invoice", invoice_id, key, document_state="discarded")

    async def void_invoice(self, invoice_id: str, key: str) -> Invoice:
        return self._changed("void_invoice", invoice_id, key, document_state="void")

    async def credit_invoice(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote:
        def make() -> CreditNote:
            note = CreditNote(
                id=mint("crn"),
                invoice_id=invoice_id,
                reference=new.reference,
                number=f"C-{len(self._firm.credit_notes) + 1:04}",
                document_date=new.document_date,
                net=new.net,
                tax=new.gross - new.net,
                gross=new.gross,
                voided=False,
                updated_at=NOW,
            )
            self._firm.credit_notes[note.id] = note
            return note

        return self._firm.once("credit_invoice", key, make)

    def _changed(self, write: str, invoice_id: str, key: str, **changes: Any) -> Invoice:
        def make() -> Invoice:
            self._firm.invoices[invoice_id] = msgspec.structs.replace(self._firm.invoices[invoice_id], **changes)
            return self._firm.invoices[invoice_id]

        return self._firm.once(write, key, make)


def _fits(one: TimeEntry | Expense, day: date, query: dict[str, str | None]) -> bool:
    before = query.get("work_date_before") or query.get("spend_date_before")
    if before is not None and day >= date.fromisoformat(before):
        return False
    return all(query.get(name) in {None, getattr(one, name)} for name in ("project_id", "status", "billing_state"))


def _invoice(new: NewInvoice) -> Invoice:
    nothing = Money.of(0, new.currency)
    return Invoice(
        id=mint("inv"),
        reference=new.reference,
        kind=new.kind,
        billing_account_id=new.billing_account_id,
        legal_entity_code=new.legal_entity_code,
        currency=new.currency,
        number=None,
        document_state="draft",
        payment_state="open",
        document_date=new.document_date,
        due_date=new.due_date,
        lines=tuple(
            InvoiceLine(
                key=line.key, description=line.description, quantity=line.quantity, amount=line.amount, tax=line.tax
            )
            for line in new.lines
        ),
        net=new.net,
        tax=new.gross - new.net,
        gross=new.gross,
        paid=nothing,
        credited=nothing,
        issued_at=None,
        updated_at=NOW,
    )
