"""What every ERP connector keeps about invoices and credit notes, whichever vendor serves it."""

from collections.abc import Awaitable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from erp_postings import DAY, NUMBER, REFERENCE, francs, invoice, line, posting

from canonical.money import Money
from canonical.postings import LedgerEntry
from servicekit.failures import Failure, Kind

KEY = "run-1:receivable"


async def failure_of(work: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await work
    return caught.value


async def entries_of(stage: Any, document: str) -> list[tuple[str | None, str]]:
    """Roles and amounts of a document in the ledger, in the order of their posting."""
    return [(entry.account_role, entry.amount.amount) for entry in await ledger(stage, document)]


async def ledger(stage: Any, document: str) -> tuple[LedgerEntry, ...]:
    found: tuple[LedgerEntry, ...] = (await stage.erp.ledger_entries("DE01", None, document, None, 200)).items
    return found


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


async def test_a_draft_tells_the_erps_own_totals(stage: Any) -> None:
    """Net, tax and gross as the ERP reckons them; nothing is in the ledger; it is found by its reference."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    assert ("draft", REFERENCE, None, "invoice") == (made.status, made.reference, made.document_number, made.kind)
    assert (euros("1746.00"), euros("331.74"), euros("2077.74")) == (made.net, made.tax, made.gross)
    assert (DAY, DAY, date(2026, 12, 23)) == (made.document_date, made.posting_date, made.due_date)
    assert made == await stage.erp.receivable(made.id)
    assert (made,) == await stage.erp.receivables_of("DE01", REFERENCE)
    assert () == await stage.erp.receivables_of("GB01", REFERENCE)
    assert () == (await stage.erp.ledger_entries("DE01", None, None, None, 200)).items


async def test_a_draft_is_made_once(stage: Any) -> None:
    """A repeat finds the first; another document under the reference is a CONFLICT."""
    new = await invoice(stage.erp)
    assert await stage.erp.created_receivable(new, KEY) is None
    made = await stage.erp.create_receivable(new, KEY)
    assert made == await stage.erp.create_receivable(new, "another-key")
    assert made == await stage.erp.created_receivable(new, KEY)
    other = await invoice(stage.erp, line(quantity="11", amount=euros("1600.50")))
    failure = await failure_of(stage.erp.create_receivable(other, KEY))
    assert (Kind.CONFLICT, "reference_taken") == (failure.kind, failure.code)


async def test_twelve_lines_keep_their_cents(stage: Any) -> None:
    """Net is the sum of rounded lines, with two tax codes; prices have five decimals; deductions are taken off."""
    lines = [
        line(f"L{n}", quantity="7.75", unit_price="145.333", amount=euros("1126.33"), tax_code=code)
        for n, code in enumerate(["VAT19"] * 6 + ["VAT7"] * 5)
    ]
    lines.append(line("L12", quantity="1", unit_price="30.00", amount=euros("-30.00"), tax_code="VAT7"))
    made = await stage.erp.create_receivable(await invoice(stage.erp, *lines), KEY)
    assert (euros("12359.63"), euros("1676.14")) == (made.net, made.tax)
    assert euros("14035.77") == made.gross


async def test_posting_gives_number_dates_and_entries(stage: Any) -> None:
    """Posted under billing's number and dates, with a number of the ERP's own; the entries add up to nothing."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    order = posting(document_date=date(2026, 11, 24), posting_date=date(2026, 11, 24))
    posted = await stage.erp.post_receivable(made.id, order)
    assert ("posted", NUMBER, made.id) == (posted.status, posted.reference, posted.id)
    assert (date(2026, 11, 24), date(2026, 11, 24)) == (posted.document_date, posted.posting_date)
    assert (posted.gross, posted.gross) == (made.gross, posted.remaining)
    assert posted == await stage.erp.receivable(made.id)
    assert (posted,) == await stage.erp.receivables_of("DE01", NUMBER)
    wanted = [("receivable", "2077.74"), ("unbilled_receivable", "-1746.00"), ("tax_payable", "-331.74")]
    assert wanted == await entries_of(stage, posted.document_number)


async def test_posting_twice_is_no_error(stage: Any) -> None:
    """The same order finds it done; another number for what is posted is a CONFLICT; nothing is posted again."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    posted = await stage.erp.post_receivable(made.id, posting())
    assert posted == await stage.erp.post_receivable(made.id, posting())
    failure = await failure_of(stage.erp.post_receivable(made.id, posting(external_number="INV-DE01-0002")))
    assert (Kind.CONFLICT, "already_posted") == (failure.kind, failure.code)
    assert 3 == len((await stage.erp.ledger_entries("DE01", None, None, None, 200)).items)


async def test_a_foreign_invoice_is_booked_at_the_days_rate(stage: Any) -> None:
    """The document stays in francs; its entries are in euros at the newest rate, and add up to nothing."""
    new = await francs(stage.erp)
    made = await stage.erp.create_receivable(new, KEY)
    posted = await stage.erp.post_receivable(made.id, posting())
    assert Money(amount="3000.10", currency="CHF") == posted.gross
    rate = await stage.erp.exchange_rate("DE01", "CHF", DAY, "invoice")
    assert ("1.071", "spot", date(2026, 11, 1)) == (rate.rate, rate.rate_type, rate.rate_date)
    wanted = [("receivable", "3213.11"), ("unbilled_receivable", "-1071.05"), ("contract_liability", "-2142.06")]
    assert wanted == await entries_of(stage, posted.document_number)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tax_code": "VAT99"}, "unknown_tax_code"),
        ({"cost_centre_code": "CC-D77"}, "unknown_cost_centre"),
        ({"account_role": "goodwill"}, "unknown_account_role"),
        ({"unit_price": "145.00"}, "line_amount_differs"),
    ],
)
async def test_a_line_must_be_postable(stage: Any, change: dict[str, Any], code: str) -> None:
    """What a line refers to must exist, and quantity times price must be its amount; nothing is left behind."""
    failure = await failure_of(stage.erp.create_receivable(await invoice(stage.erp, line(**change)), KEY))
    assert (Kind.INVALID, code) == (failure.kind, failure.code)
    assert () == await stage.erp.receivables_of("DE01", REFERENCE)


async def test_a_blocked_customer_gets_no_draft_and_no_posting(stage: Any) -> None:
    """Blocked before the draft, or between draft and posting: refused under one code, nothing posted."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.block_customer("DE01", "C2001")
    refused = await failure_of(stage.erp.post_receivable(made.id, posting()))
    assert (Kind.INVALID, "customer_blocked") == (refused.kind, refused.code)
    other = await invoice(stage.erp, reference="DE01-C2001-2026-11-R2")
    refused = await failure_of(stage.erp.create_receivable(other, KEY))
    assert (Kind.INVALID, "customer_blocked") == (refused.kind, refused.code)
    assert () == (await stage.erp.ledger_entries("DE01", None, None, None, 200)).items


async def test_a_closed_period_refuses_and_an_open_one_takes(stage: Any) -> None:
    """Refused while the day lies outside the open window; the very same order works once it is inside."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.open_window("DE01", date(2026, 12, 1), None)
    refused = await failure_of(stage.erp.post_receivable(made.id, posting()))
    assert (Kind.INVALID, "period_closed") == (refused.kind, refused.code)
    assert "draft" == (await stage.erp.receivable(made.id)).status
    await stage.open_window("DE01", date(2026, 11, 1), None)
    assert "posted" == (await stage.erp.post_receivable(made.id, posting())).status


async def test_a_draft_is_discarded_once_and_a_posted_one_never(stage: Any) -> None:
    """Gone for good; discarding twice is no error; what is posted stays."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    for _ in range(2):
        await stage.erp.discard_receivable(made.id)
    assert Kind.MISSING is (await failure_of(stage.erp.receivable(made.id))).kind
    again = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.erp.post_receivable(again.id, posting())
    failure = await failure_of(stage.erp.discard_receivable(again.id))
    assert (Kind.CONFLICT, "already_posted") == (failure.kind, failure.code)


async def test_money_that_comes_in_is_seen(stage: Any) -> None:
    """Part of it leaves the rest open, all of it makes the receivable paid; the receivables account follows."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    posted = await stage.erp.post_receivable(made.id, posting())
    await stage.pay("DE01", posted.document_number, "1000.00", DAY)
    part = await stage.erp.receivable(made.id)
    assert ("posted", euros("1077.74")) == (part.status, part.remaining)
    await stage.pay("DE01", posted.document_number, None, DAY)
    paid = await stage.erp.receivable(made.id)
    assert ("paid", euros("0.00")) == (paid.status, paid.remaining)
    balances = {one.account_role: one.balance for one in await stage.erp.account_balances("DE01", DAY)}
    assert (euros("0.00"), euros("-331.74")) == (balances["receivable"], balances["tax_payable"])


async def test_a_credit_note_takes_back_and_settles(stage: Any) -> None:
    """Amounts are positive, its entries the invoice's reversed; the invoice that it corrects is settled."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    original = await stage.erp.post_receivable(made.id, posting())
    credit = await stage.erp.create_receivable(
        await invoice(
            stage.erp, kind="credit_note", reference="CN-REF-1", corrects_document_number=original.document_number
        ),
        "run-2:receivable",
    )
    assert ("credit_note", "draft", euros("2077.74")) == (credit.kind, credit.status, credit.gross)
    posted = await stage.erp.post_receivable(credit.id, posting(external_number="CN-DE01-0001"))
    assert "CN-DE01-0001" == posted.reference
    wanted = [("receivable", "-2077.74"), ("unbilled_receivable", "1746.00"), ("tax_payable", "331.74")]
    assert wanted == await entries_of(stage, posted.document_number)
    assert euros("0.00") == (await stage.erp.receivable(original.id)).remaining
    assert {Decimal(0)} == {one.balance.value for one in await stage.erp.account_balances("DE01", DAY)}


async def test_a_credit_note_for_what_is_paid_is_booked_all_the_same(stage: Any) -> None:
    """Money came in before the credit note was posted, or before it was made: it stands open for the customer."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    original = await stage.erp.post_receivable(made.id, posting())
    order = await invoice(stage.erp, kind="credit_note", corrects_document_number=original.document_number)
    early = await stage.erp.create_receivable(msgspec.structs.replace(order, reference="CN-REF-1"), KEY)
    await stage.pay("DE01", original.document_number, None, DAY)
    late = await stage.erp.create_receivable(msgspec.structs.replace(order, reference="CN-REF-2"), KEY)
    for number, note in (("CN-1", early), ("CN-2", late)):
        posted = await stage.erp.post_receivable(note.id, posting(external_number=number))
        assert ("posted", note.gross) == (posted.status, posted.remaining)


async def test_a_credit_note_corrects_what_the_customer_has(stage: Any) -> None:
    """A document number that the customer does not have is INVALID."""
    order = await invoice(stage.erp, kind="credit_note", corrects_document_number="NOBODYS-1")
    failure = await failure_of(stage.erp.create_receivable(order, KEY))
    assert (Kind.INVALID, "unknown_invoice") == (failure.kind, failure.code)


async def test_an_account_of_another_entity_is_refused(stage: Any) -> None:
    """A document of one entity is for a customer of that entity."""
    elsewhere = await stage.erp.customer_account_of("GB01", "C2008", "GBP")
    failure = await failure_of(
        stage.erp.create_receivable(await invoice(stage.erp, customer_account_id=elsewhere.id), KEY)
    )
    assert (Kind.INVALID, "account_of_another_entity") == (failure.kind, failure.code)


@pytest.mark.parametrize("native_id", ["no-such-id", "x/salesInvoices/y"])
async def test_an_unknown_receivable_is_missing(stage: Any, native_id: str) -> None:
    """An id that nobody gave out leads nowhere."""
    assert Kind.MISSING is (await failure_of(stage.erp.receivable(native_id))).kind
