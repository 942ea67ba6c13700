"""The firm's ERP in memory: receivables and journals that really post, in legal entities that are alike, in GBP."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
from firm import NOW, RATES, ROLES, Firm

from canonical.effective import DateRange
from canonical.ledger import AccountingPeriod, CustomerAccount, LegalEntity, TaxCode
from canonical.money import Money, total
from canonical.postings import (
    AccountBalance,
    ExchangeRate,
    Journal,
    LedgerEntry,
    NewJournal,
    NewReceivable,
    Receivable,
    ReceivablePosting,
)
from canonical.rounding import tax_of
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

ENTITIES = ("GB01", "GB02", "GB03")


class FirmErp:
    """One ledger for all of its entities; its window of postings is what a test says."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm

    async def legal_entities(self, connection: str) -> tuple[LegalEntity, ...]:
        return tuple(
            LegalEntity(
                id=mint("len"), code=code, name="Ltd", country="GB", base_currency="GBP", time_zone="Europe/London"
            )
            for code in ENTITIES
        )

    async def tax_codes(self, connection: str, entity: str) -> tuple[TaxCode, ...]:
        percent = self._firm.tax_percent
        standard = TaxCode(
            legal_entity_code=entity, code="VAT20", name="VAT 20 %", kind="standard", rate_percent=percent
        )
        return (standard,) if percent is not None else ()

    async def accounting_periods(self, connection: str, entity: str) -> tuple[AccountingPeriod, ...]:
        months = [*(date(2026, month, 1) for month in range(1, 13)), *(date(2027, month, 1) for month in range(1, 13))]
        return tuple(
            _period(entity, begins, ends, self._firm.open_from)
            for begins, ends in zip(months, [*months[1:], date(2028, 1, 1)], strict=True)
        )

    async def customer_account_of(
        self, connection: str, entity: str, customer_number: str, currency: str
    ) -> CustomerAccount | None:
        return CustomerAccount(
            id=f"cac_{customer_number.lower():0>32}"[:36],
            customer_id=None,
            number=customer_number,
            legal_entity_code=entity,
            currency=currency,
            name=customer_number,
            blocked=self._firm.blocked,
            tax_registration_id=None,
        )

    async def exchange_rate(
        self, connection: str, entity: str, from_currency: str, on_date: date, purpose: str
    ) -> ExchangeRate | None:
        if from_currency not in RATES:
            return None
        return ExchangeRate(
            legal_entity_code=entity,
            from_currency=from_currency,
            to_currency="GBP",
            rate=str(RATES[from_currency]),
            rate_type="spot",
            rate_date=date(2026, 1, 1),
        )

    async def draft_receivable(self, connection: str, new: NewReceivable, key: str) -> Receivable:
        def make() -> Receivable:
            receivable = self._receivable(new)
            self._firm.receivables[receivable.id] = receivable
            self._firm.lines[receivable.id] = new
            return receivable

        return self._firm.once("draft_receivable", key, make)

    async def receivable(self, receivable_id: str) -> Receivable:
        return self._firm.receivables[receivable_id]

    async def post_receivable(self, receivable_id: str, posting: ReceivablePosting, key: str) -> Receivable:
        def make() -> Receivable:
            former, new = self._firm.receivables[receivable_id], self._firm.lines[receivable_id]
            number = f"PS-{len(self._firm.ledger) + 1:05}"
            self._firm.post(new.legal_entity_code, number, posting.posting_date, _amounts(former, new))
            posted = msgspec.structs.replace(
                former,
                status="posted",
                document_number=number,
                reference=posting.external_number,
                posting_date=posting.posting_date,
                document_date=posting.document_date,
            )
            self._firm.receivables[receivable_id] = posted
            return posted

        return self._firm.once("post_receivable", key, make)

    async def discard_receivable(self, receivable_id: str, key: str) -> Receivable:
        former = self._firm.receivables[receivable_id]
        if former.status == "posted":
            raise Failure(Kind.CONFLICT, "it is posted", code="already_posted")
        gone = msgspec.structs.replace(former, status="discarded")
        self._firm.receivables[receivable_id] = gone
        return self._firm.once("discard_receivable", key, lambda: gone)

    async def post_journal(self, connection: str, new: NewJournal, key: str) -> Journal:
        def make() -> Journal:
            amounts = {line.account_role: line.amount for line in new.lines}
            self._firm.post(new.legal_entity_code, new.reference, new.posting_date, amounts)
            journal = Journal(
                id=mint("jrn"),
                reference=new.reference,
                legal_entity_code=new.legal_entity_code,
                posting_date=new.posting_date,
                status="posted",
                entry_numbers=(),
            )
            self._firm.journals[journal.id] = journal
            return journal

        return self._firm.once("post_journal", key, make)

    async def journal(self, journal_id: str) -> Journal:
        return self._firm.journals[journal_id]

    async def ledger_entries(
        self,
        connection: str,
        entity: str,
        document_number: str | None = None,
        *,
        account_role: str | None = None,
        project_number: str | None = None,
        posted_before: str = "9999-12-31",
    ) -> tuple[LedgerEntry, ...]:
        wanted = {
            "document_number": document_number,
            "account_role": account_role,
            "project_number": project_number,
            "legal_entity_code": entity,
        }
        return tuple(
            one
            for one in self._firm.ledger
            if one.posting_date < date.fromisoformat(posted_before)
            and all(value in {None, getattr(one, name)} for name, value in wanted.items())
        )

    async def account_balances(self, connection: str, entity: str, as_of: date) -> tuple[AccountBalance, ...]:
        return tuple(
            AccountBalance(
                legal_entity_code=entity,
                account_role=role,
                account_numbers=(f"A-{role}",),
                balance=Money.of(self._firm.balance(role), "GBP"),
                as_of_date=as_of,
            )
            for role in ROLES
        )

    def _receivable(self, new: NewReceivable) -> Receivable:
        net = total([line.amount for line in new.lines], new.currency)
        percent = Decimal(self._firm.tax_percent or 0)
        tax = tax_of([line.amount for line in new.lines], percent, new.currency, "document")
        tax = tax + Money.of(self._firm.erp_tax_off_by, new.currency)
        return Receivable(
            id=mint("rcv"),
            kind=new.kind,
            reference=new.reference,
            document_number=None,
            customer_account_id=new.customer_account_id,
            legal_entity_code=new.legal_entity_code,
            currency=new.currency,
            status="draft",
            document_date=new.document_date,
            posting_date=new.posting_date,
            due_date=new.due_date,
            net=net,
            tax=tax,
            gross=net + tax,
            remaining=net + tax,
            updated_at=NOW,
        )


def _period(entity: str, begins: date, ends: date, open_from: date) -> AccountingPeriod:
    opened = None if ends <= open_from else DateRange(from_date=max(begins, open_from), to_date=ends)
    return AccountingPeriod(
        legal_entity_code=entity,
        name=f"{begins:%Y-%m}",
        effective=DateRange(from_date=begins, to_date=ends),
        closed=False,
        posting=opened,
    )


def _amounts(receivable: Receivable, new: NewReceivable) -> dict[str, Money]:
    """What the document moves, in GBP; an invoice debits the receivable, a credit note the other way round."""
    sign = 1 if new.kind == "invoice" else -1
    rate = RATES.get(new.currency, Decimal(1))

    def converted(amount: Decimal) -> Money:
        return Money.of(sign * amount * rate, "GBP")

    amounts = {"tax_payable": -converted(receivable.tax.value)}
    for line in new.lines:
        former = amounts.get(line.account_role, Money.of(0, "GBP"))
        amounts[line.account_role] = former - converted(line.amount.value)
    return {**amounts, "receivable": -total(list(amounts.values()), "GBP")}
