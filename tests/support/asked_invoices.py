"""Invoices and credit notes as Syncline asks for them: whole, and adding up."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from canonical.billing import NewBillingAccount
from canonical.invoicing import NewCreditLine, NewCreditNote, NewInvoice, NewInvoiceLine, TaxLine
from canonical.money import Money, total
from canonical.rounding import line_amount, tax_of

FROM, TO = date(2026, 11, 1), date(2026, 12, 1)
DATED, DUE = date(2026, 11, 27), date(2026, 12, 27)


def new_account(currency: str = "EUR") -> NewBillingAccount:
    return NewBillingAccount(
        customer_id=f"cus_{1:032x}",
        legal_entity_code="DE01",
        currency=currency,
        name="Alpenstrom AG",
        email="ap@alpenstrom.example",
        country="DE",
    )


def line(
    key: str, quantity: str = "7.75", unit_price: str = "145.333", currency: str = "EUR", percent: str = "19"
) -> NewInvoiceLine:
    """By default 7.75 h x 145.333: 1126.33 by rounding, and 214.00 tax at 19 %."""
    amount = line_amount(Decimal(quantity), Decimal(unit_price), currency)
    return NewInvoiceLine(
        key=key,
        description=f"Consulting {key}",
        quantity=quantity,
        unit_price=unit_price,
        amount=amount,
        tax_code=f"VAT{percent}",
        tax_percent=percent,
        tax=tax_of([amount], Decimal(percent), currency, "line"),
        supply_from=FROM,
        supply_to=TO,
        project_number="P-DE01-D02",
    )


def new_invoice(
    account_id: str, *lines: NewInvoiceLine, reference: str = "INV-DE01-0001", **changes: Any
) -> NewInvoice:
    """Over the lines, or two that give 1126.33 + 1200.00, tax 214.00 + 228.00, gross 2768.33."""
    asked = lines or (line("L1"), line("L2", "8", "150"))
    currency = asked[0].amount.currency
    net = total([one.amount for one in asked], currency)
    invoice = NewInvoice(
        reference=reference,
        kind="standard",
        billing_account_id=account_id,
        legal_entity_code="DE01",
        currency=currency,
        contract_number="C-2026-014",
        customer_reference="PO-4711",
        document_date=DATED,
        due_date=DUE,
        supply_from=FROM,
        supply_to=TO,
        lines=asked,
        tax=tuple(taxes(asked, currency)),
        net=net,
        gross=net + total([one.tax for one in asked], currency),
    )
    return msgspec.structs.replace(invoice, **changes)


def taxes(lines: tuple[NewInvoiceLine, ...], currency: str) -> list[TaxLine]:
    found = []
    for code in dict.fromkeys(one.tax_code for one in lines):
        same = [one for one in lines if one.tax_code == code]
        base, tax = total([one.amount for one in same], currency), total([one.tax for one in same], currency)
        found.append(TaxLine(tax_code=code, percent=same[0].tax_percent, base=base, tax=tax))
    return found


def new_credit_note(*lines: NewCreditLine, reference: str = "CRN-DE01-0001", **changes: Any) -> NewCreditNote:
    """Over the lines, or 200.00 and 38.00 tax of the line L2."""
    asked = lines or (credit_line("L2", "200.00", "38.00"),)
    currency = asked[0].amount.currency
    net = total([one.amount for one in asked], currency)
    note = NewCreditNote(
        reference=reference,
        reason="8 hours were agreed, not 9",
        document_date=DATED,
        lines=asked,
        net=net,
        gross=net + total([one.tax for one in asked], currency),
    )
    return msgspec.structs.replace(note, **changes)


def credit_line(key: str, amount: str, tax: str, currency: str = "EUR") -> NewCreditLine:
    return NewCreditLine(line_key=key, amount=Money.of(amount, currency), tax=Money.of(tax, currency))
