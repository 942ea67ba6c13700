"""What the tests of receivables and journals order: an invoice of twelve hours, its posting, a journal of two lines."""

from datetime import date
from typing import Any

import msgspec

from canonical.ledger import NewCustomerAccount
from canonical.money import Money
from canonical.postings import NewJournal, NewJournalLine, NewReceivable, NewReceivableLine, ReceivablePosting
from system_apis.erp.port import Erp

DAY = date(2026, 11, 23)
REFERENCE = "DE01-C2001-2026-11-R1"
NUMBER = "INV-DE01-0001"


def line(key: str = "L1", **changes: Any) -> NewReceivableLine:
    """Twelve hours at 145.50 EUR under VAT of 19 %."""
    made = NewReceivableLine(
        key=key,
        description="Engineering, November",
        quantity="12",
        unit_price="145.50",
        amount=Money(amount="1746.00", currency="EUR"),
        account_role="unbilled_receivable",
        tax_code="VAT19",
        cost_centre_code="CC-D20",
    )
    return msgspec.structs.replace(made, **changes)


async def invoice(erp: Erp, *lines: NewReceivableLine, **changes: Any) -> NewReceivable:
    """For customer C2001 of DE01, unless told otherwise."""
    account = await erp.customer_account_of("DE01", "C2001", "EUR")
    assert account is not None
    new = NewReceivable(
        kind="invoice",
        reference=REFERENCE,
        customer_account_id=account.id,
        legal_entity_code="DE01",
        currency="EUR",
        document_date=DAY,
        posting_date=DAY,
        due_date=date(2026, 12, 23),
        customer_reference="PO-4711",
        lines=lines or (line(),),
    )
    return msgspec.structs.replace(new, **changes)


async def francs(erp: Erp) -> NewReceivable:
    """An invoice in Swiss francs of the German company."""
    wanted = NewCustomerAccount(
        customer_id=f"cus_{4:032x}",
        customer_number="C2001",
        legal_entity_code="DE01",
        currency="CHF",
        name="Alpenstrom AG",
        country="DE",
    )
    account = await erp.create_customer_account(wanted, "key-1234")
    amounts = {"1000.05": "unbilled_receivable", "2000.05": "contract_liability"}
    lines = tuple(
        line(
            f"L{place}",
            quantity="1",
            unit_price=amount,
            amount=Money(amount=amount, currency="CHF"),
            account_role=role,
            tax_code="NOEU",
        )
        for place, (amount, role) in enumerate(amounts.items())
    )
    return await invoice(erp, *lines, customer_account_id=account.id, currency="CHF")


def posting(**changes: Any) -> ReceivablePosting:
    made = ReceivablePosting(external_number=NUMBER, document_date=DAY, posting_date=DAY, due_date=date(2026, 12, 23))
    return msgspec.structs.replace(made, **changes)


def journal(*lines: NewJournalLine, **changes: Any) -> NewJournal:
    """Revenue of 1,746.00 EUR for work done and not billed yet."""
    new = NewJournal(
        reference="RR-DE01-2026-11-01",
        kind="revenue",
        legal_entity_code="DE01",
        document_date=DAY,
        posting_date=DAY,
        description="Revenue of November",
        lines=lines or (booked("unbilled_receivable", "1746.00"), booked("revenue", "-1746.00")),
    )
    return msgspec.structs.replace(new, **changes)


def booked(role: str, amount: str, **changes: Any) -> NewJournalLine:
    made = NewJournalLine(
        account_role=role,
        amount=Money(amount=amount, currency="EUR"),
        description="Work of November",
        cost_centre_code="CC-D20",
    )
    return msgspec.structs.replace(made, **changes)
