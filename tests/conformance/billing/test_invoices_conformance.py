"""What every billing connector keeps of invoices and credit notes: the legal documents, to the minor unit."""

from collections.abc import Awaitable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from asked_invoices import DATED, DUE, credit_line, line, new_account, new_credit_note, new_invoice

from canonical.invoicing import Invoice, NewInvoice, NewInvoiceLine
from canonical.money import Money
from servicekit.failures import Failure, Kind


async def refused(awaitable: Awaitable[object]) -> tuple[Kind, str]:
    with pytest.raises(Failure) as caught:
        await awaitable
    assert not {"Stripe", "stripe", "sk_test"} & set(caught.value.detail.split())
    return caught.value.kind, caught.value.code


async def asked(stage: Any, *lines: NewInvoiceLine, currency: str = "EUR", **changes: Any) -> NewInvoice:
    account = await stage.billing.create_account(new_account(currency), f"account-{currency}")
    return new_invoice(account.id, *lines, **changes)


async def drafted(stage: Any, *lines: NewInvoiceLine, **changes: Any) -> Invoice:
    new = await asked(stage, *lines, **changes)
    invoice: Invoice = await stage.billing.create_invoice(new, f"key-{new.reference}")
    return invoice


async def issued(stage: Any, *lines: NewInvoiceLine, **changes: Any) -> Invoice:
    invoice: Invoice = await stage.billing.issue_invoice((await drafted(stage, *lines, **changes)).id)
    return invoice


def totals(invoice: Invoice) -> tuple[str, str, str]:
    return invoice.net.amount, invoice.tax.amount, invoice.gross.amount


async def test_a_draft_reads_back_as_it_was_asked_for(stage: Any) -> None:
    """Lines in their order, tax to the cent, dates and reference; without a number, with nothing owed yet."""
    new = await asked(stage)
    made = await stage.billing.create_invoice(new, "invoice-0001")
    assert made == await stage.billing.invoice(made.id)
    assert ("INV-DE01-0001", "standard", new.billing_account_id, "DE01", "EUR") == (
        made.reference,
        made.kind,
        made.billing_account_id,
        made.legal_entity_code,
        made.currency,
    )
    assert ("draft", "open", None, None) == (
        made.document_state,
        made.payment_state,
        made.number,
        made.issued_at,
    )
    assert (DATED, DUE) == (made.document_date, made.due_date)
    assert ("2326.33", "442.00", "2768.33") == totals(made)
    assert [
        ("L1", "Consulting L1", "7.75", "1126.33", "214.00"),
        ("L2", "Consulting L2", "8", "1200.00", "228.00"),
    ] == [(one.key, one.description, one.quantity, one.amount.amount, one.tax.amount) for one in made.lines]
    assert ("0.00", "0.00") == (made.paid.amount, made.credited.amount)


async def test_tax_is_what_was_asked_whatever_the_platform_would_reckon(stage: Any) -> None:
    """19 % of each line is 0.02, of their sum 0.06; we ask for 0.07, of which 0.03 are the first line's part."""
    lines = tuple(line(f"L{n}", "1", "0.11") for n in range(3))
    lines = (msgspec.structs.replace(lines[0], tax=Money.of("0.03", "EUR")), *lines[1:])
    made = await drafted(stage, *lines)
    assert ("0.33", "0.07", "0.40") == totals(made)
    assert ["0.03", "0.02", "0.02"] == [one.tax.amount for one in made.lines]


async def test_lines_may_have_several_rates_deduct_and_be_free_of_tax(stage: Any) -> None:
    """A final invoice deducts its advance; what is reverse-charged has a rate of nothing and a note."""
    advance = line("A1", "1", "300")
    deducted = msgspec.structs.replace(advance, amount=-advance.amount, tax=-advance.tax)
    lines = (line("L1", "8", "150"), line("L2", "2", "100", percent="0"), line("L3", "1", "50", percent="7"), deducted)
    made = await drafted(stage, *lines, kind="final", note="Reverse charge: the recipient owes the tax.")
    assert ("1150.00", "174.50", "1324.50") == totals(made)
    assert ["228.00", "0.00", "3.50", "-57.00"] == [one.tax.amount for one in made.lines]


@pytest.mark.parametrize(
    ("currency", "quantity", "unit_price", "expected"),
    [
        ("JPY", "7.75", "14533", ("112631", "21400", "134031")),
        ("KWD", "8", "41.125", ("329.000", "62.510", "391.510")),
        ("ISK", "8", "15000", ("120000", "22800", "142800")),
    ],
)
async def test_currencies_without_two_decimals_keep_their_amounts(
    stage: Any, currency: str, quantity: str, unit_price: str, expected: tuple[str, str, str]
) -> None:
    """Yen have none, dinars three, krona are kept in hundredths: drafted, issued and credited to the minor unit."""
    made = await issued(stage, line("L1", quantity, unit_price, currency), currency=currency)
    assert expected == totals(made)
    whole = credit_line("L1", expected[0], expected[1], currency)
    note = await stage.billing.create_credit_note(made.id, new_credit_note(whole), "credit-0001")
    assert expected == (note.net.amount, note.tax.amount, note.gross.amount)
    assert "credited" == (await stage.billing.invoice(made.id)).document_state


async def test_a_long_invoice_is_whole(stage: Any) -> None:
    """Two hundred lines, the most that may be asked for, read back in their order, as a draft and issued."""
    lines = tuple(line(f"L{n:03}", "1.25", "100") for n in range(200))
    made = await drafted(stage, *lines)
    assert [one.key for one in lines] == [one.key for one in made.lines]
    assert ("25000.00", "4750.00", "29750.00") == totals(made)
    assert made.lines == (await stage.billing.issue_invoice(made.id)).lines


async def test_an_issued_invoice_has_the_next_number_of_its_entity(stage: Any) -> None:
    """One sequence for all accounts; issued twice it is the same document."""
    first = await issued(stage)
    francs = await issued(stage, line("L1", "8", "150", "CHF"), currency="CHF", reference="INV-DE01-0002")
    assert (["DE01-0001", "DE01-0002"], ["issued", "issued"]) == (
        [first.number, francs.number],
        [first.document_state, francs.document_state],
    )
    assert (DATED, DUE, True) == (first.document_date, first.due_date, first.issued_at is not None)
    assert first == await stage.billing.issue_invoice(first.id) == await stage.billing.invoice(first.id)


async def test_a_discarded_draft_leaves_nothing_and_may_be_discarded_again(stage: Any) -> None:
    """It takes no number; what is issued cannot be discarded, what never was is missing."""
    made = await drafted(stage)
    gone = await stage.billing.discard_invoice(made.id)
    assert msgspec.structs.replace(made, document_state="discarded") == gone
    assert gone == await stage.billing.discard_invoice(made.id)
    assert (Kind.MISSING, "not_found") == await refused(stage.billing.invoice(made.id))
    assert await stage.billing.invoice_of("INV-DE01-0001") is None
    second = await issued(stage, reference="INV-DE01-0002")
    assert "DE01-0001" == second.number
    assert (Kind.CONFLICT, "invoice_issued") == await refused(stage.billing.discard_invoice(second.id))
    assert (Kind.MISSING, "not_found") == await refused(stage.billing.discard_invoice("nothing"))


async def test_a_void_invoice_keeps_its_number(stage: Any) -> None:
    """Voided twice it is void once; the next document takes the next number; a draft is not voided."""
    made = await issued(stage)
    void = await stage.billing.void_invoice(made.id)
    assert ("void", "DE01-0001", made.gross) == (void.document_state, void.number, void.gross)
    assert void == await stage.billing.void_invoice(made.id)
    assert (Kind.CONFLICT, "invoice_void") == await refused(stage.billing.issue_invoice(made.id))
    draft = await drafted(stage, reference="INV-DE01-0002")
    assert (Kind.CONFLICT, "not_issued") == await refused(stage.billing.void_invoice(draft.id))
    assert "DE01-0002" == (await stage.billing.issue_invoice(draft.id)).number


async def test_what_is_paid_or_credited_is_not_voided(stage: Any) -> None:
    """In part or in whole: it is credited instead."""
    part, paid, credited = [await issued(stage, reference=f"INV-DE01-000{n}") for n in (1, 2, 3)]
    await stage.desk.pay_part(part.id, 100000)
    await stage.desk.pay(paid.id)
    await stage.billing.create_credit_note(credited.id, new_credit_note(), "credit-0001")
    assert (Kind.CONFLICT, "invoice_paid") == await refused(stage.billing.void_invoice(part.id))
    assert (Kind.CONFLICT, "invoice_paid") == await refused(stage.billing.void_invoice(paid.id))
    assert (Kind.CONFLICT, "invoice_credited") == await refused(stage.billing.void_invoice(credited.id))


async def test_payment_is_a_state_of_its_own(stage: Any) -> None:
    """Open, partly paid, paid, written off: the document stays issued."""
    made = await issued(stage)
    await stage.desk.pay_part(made.id, 100000)
    part = await stage.billing.invoice(made.id)
    assert ("issued", "partly_paid", "1000.00") == (part.document_state, part.payment_state, part.paid.amount)
    await stage.desk.pay(made.id)
    paid = await stage.billing.invoice(made.id)
    assert ("issued", "paid", "2768.33") == (paid.document_state, paid.payment_state, paid.paid.amount)
    lost = await issued(stage, reference="INV-DE01-0002")
    await stage.desk.write_off(lost.id)
    written_off = await stage.billing.invoice(lost.id)
    assert ("issued", "written_off", "0.00") == (
        written_off.document_state,
        written_off.payment_state,
        written_off.paid.amount,
    )


async def test_a_credit_note_takes_back_what_it_says(stage: Any) -> None:
    """Net and tax by line; the invoice says how much is credited, and that it is, once all of it is."""
    made = await issued(stage)
    note = await stage.billing.create_credit_note(made.id, new_credit_note(), "credit-0001")
    assert (made.id, "CRN-DE01-0001", DATED, "200.00", "38.00", "238.00", False) == (
        note.invoice_id,
        note.reference,
        note.document_date,
        note.net.amount,
        note.tax.amount,
        note.gross.amount,
        note.voided,
    )
    part = await stage.billing.invoice(made.id)
    assert ("issued", "open", "238.00", made.gross) == (
        part.document_state,
        part.payment_state,
        part.credited.amount,
        part.gross,
    )
    rest = (credit_line("L1", "1126.33", "214.00"), credit_line("L2", "1000.00", "190.00"))
    second = new_credit_note(*rest, reference="CRN-DE01-0002")
    last = await stage.billing.create_credit_note(made.id, second, "credit-0002")
    assert ("DE01-0001-CN-01", "DE01-0001-CN-02") == (note.number, last.number)
    assert (note, last) == await stage.billing.credit_notes(made.id)
    whole = await stage.billing.invoice(made.id)
    assert ("credited", "2768.33", made.number) == (whole.document_state, whole.credited.amount, whole.number)


@pytest.mark.parametrize("paid", ["1000.00", "2700.00", "2768.33"])
async def test_a_paid_invoice_is_credited_to_the_cent(stage: Any, paid: str) -> None:
    """In part, in most or in whole: what exceeds what is owed is settled elsewhere, nothing lowers the next invoice."""
    made = await issued(stage)
    if Decimal(paid) == made.gross.value:
        await stage.desk.pay(made.id)
    else:
        await stage.desk.pay_part(made.id, int(Decimal(paid) * 100))
    note = await stage.billing.create_credit_note(made.id, new_credit_note(), "credit-0001")
    assert "238.00" == note.gross.amount
    after = await stage.billing.invoice(made.id)
    assert ("238.00", paid) == (after.credited.amount, after.paid.amount)


async def test_a_credit_note_that_cannot_be_is_refused(stage: Any) -> None:
    """Of drafts and void invoices, of strange lines, over more than was invoiced, or not adding up."""
    draft = await drafted(stage)
    credit = stage.billing.create_credit_note
    assert (Kind.CONFLICT, "not_issued") == await refused(credit(draft.id, new_credit_note(), "credit-0001"))
    await stage.billing.issue_invoice(draft.id)
    cases = [
        (Kind.INVALID, "unknown_line", new_credit_note(credit_line("L9", "1.00", "0.19"))),
        (Kind.INVALID, "totals_differ", new_credit_note(gross=Money.of("237.99", "EUR"))),
        (Kind.INVALID, "mixed_currencies", new_credit_note(credit_line("L2", "1.00", "0.19", "CHF"))),
        (Kind.INVALID, "repeated_line", new_credit_note(*[credit_line("L2", "1.00", "0.19")] * 2)),
        (Kind.CONFLICT, "over_credited", new_credit_note(credit_line("L2", "3000.00", "0.00"))),
    ]
    for kind, code, new in cases:
        assert (kind, code) == await refused(credit(draft.id, new, "credit-0001"))
    assert () == await stage.billing.credit_notes(draft.id)
    await stage.billing.void_invoice(draft.id)
    assert (Kind.CONFLICT, "invoice_void") == await refused(credit(draft.id, new_credit_note(), "credit-0001"))
    assert (Kind.MISSING, "not_found") == await refused(credit("nothing", new_credit_note(), "credit-0001"))


async def test_an_invoice_is_found_by_its_reference_at_once_and_later(stage: Any) -> None:
    """While the platform's search does not know it yet, and when it is too old for any short list."""
    made = await drafted(stage)
    assert made == await stage.billing.invoice_of("INV-DE01-0001")
    assert await stage.billing.invoice_of("INV-DE01-0002") is None
    await stage.desk.pass_time(7200)
    later = await drafted(stage, reference="INV-DE01-0002")
    assert (made, later) == (
        await stage.billing.invoice_of("INV-DE01-0001"),
        await stage.billing.invoice_of("INV-DE01-0002"),
    )


async def test_invoices_are_listed_page_by_page(stage: Any) -> None:
    """Every one once, newest first, whole: also those that are longer than the platform shows at once."""
    made = [await drafted(stage, reference=f"INV-DE01-000{n}") for n in range(3)]
    made.append(await drafted(stage, *(line(f"L{n}") for n in range(12)), reference="INV-DE01-0009"))
    found: list[Invoice] = []
    cursor: str | None = None
    while True:
        page = await stage.billing.invoices(cursor, 3)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            break
    assert made[::-1] == found


async def test_an_invoice_that_was_made_by_hand_is_told_as_it_is(stage: Any) -> None:
    """Without a reference and a kind; its lines under the platform's own ids."""
    account = await stage.billing.create_account(new_account(), "account-EUR")
    invoice = await stage.billing.invoice(await stage.desk.bill_by_hand(account.id))
    assert (None, None, "DE01-0001", "issued", account.id) == (
        invoice.reference,
        invoice.kind,
        invoice.number,
        invoice.document_state,
        invoice.billing_account_id,
    )
    assert [("By hand", "1", "123.45")] == [(one.description, one.quantity, one.amount.amount) for one in invoice.lines]


async def test_what_cannot_be_invoiced_is_refused_before_anything_is_made(stage: Any) -> None:
    """What does not add up, what is of another currency, entity or account, and what the platform cannot hold."""
    new = await asked(stage)
    dinars = await asked(stage, line("L1", "1", "1.234", "KWD"), currency="KWD")
    one, other = Money.of("1.00", "EUR"), Money.of("1.00", "CHF")
    tax = msgspec.structs.replace(new.tax[0], tax=one)
    negative = msgspec.structs.replace(new.lines[0], amount=-new.lines[0].amount, tax=-new.lines[0].tax)
    francs = new_invoice(new.billing_account_id, line("L1", "1", "100", "CHF"))
    bad: list[tuple[str, NewInvoice]] = [
        ("totals_differ", msgspec.structs.replace(new, net=one)),
        ("totals_differ", msgspec.structs.replace(new, gross=one)),
        ("totals_differ", msgspec.structs.replace(new, tax=(tax,))),
        ("mixed_currencies", msgspec.structs.replace(new, gross=other)),
        ("other_currency", francs),
        ("other_legal_entity", msgspec.structs.replace(new, legal_entity_code="US01")),
        ("repeated_line", new_invoice(new.billing_account_id, line("L1"), line("L1"))),
        ("not_billable", dinars),
        ("not_billable", new_invoice(new.billing_account_id, negative)),
        ("unknown_reference", new_invoice("nobody")),
    ]
    for code, invoice in bad:
        assert (Kind.INVALID, code) == await refused(stage.billing.create_invoice(invoice, "invoice-0001"))
    assert () == (await stage.billing.invoices(None, 50)).items


async def test_days_are_the_entitys_own(stage: Any) -> None:
    """A document of the first day of the year is of that day."""
    made = await issued(stage, document_date=date(2027, 1, 1), due_date=date(2027, 1, 31))
    assert (date(2027, 1, 1), date(2027, 1, 31)) == (made.document_date, made.due_date)
