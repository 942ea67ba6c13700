"""How invoices and credit notes are told in Stripe's form, and read back: amounts, days and states."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from asked_invoices import credit_line, line, new_credit_note, new_invoice

from canonical.money import Money
from servicekit.failures import Failure
from system_apis.billing.stripe import mapping
from system_apis.billing.stripe.mapping.credit_notes import CreditNoteRecord, from_credit_note, to_credit_note
from system_apis.billing.stripe.mapping.invoice_records import (
    InvoiceRecord,
    LineRecord,
    LinesRecord,
    TaxRateRecord,
    TaxRecord,
    TransitionsRecord,
)
from system_apis.billing.stripe.mapping.invoices import from_invoice, from_line, is_as_asked, is_whole, to_invoice
from system_apis.billing.stripe.mapping.seller import Seller

BERLIN = Seller(legal_entity_code="DE01", time_zone="Europe/Berlin")
MIDDAY = 1_795_777_200  # 2026-11-27T12:00 in Berlin


def line_record(**changes: Any) -> LineRecord:
    tax = TaxRecord(amount=21400, tax_behavior="exclusive", tax_rate_details=TaxRateRecord(tax_rate="txr_1"))
    asked = from_line(line("L1"), 0, BERLIN)
    record = LineRecord(
        id="il_1",
        amount=112633,
        description=asked["description"],
        quantity_decimal=Decimal(1),
        taxes=[tax],
        metadata=asked["metadata"],
    )
    return msgspec.structs.replace(record, **changes)


def invoice_record(**changes: Any) -> InvoiceRecord:
    record = InvoiceRecord(
        id="in_1",
        status="open",
        currency="eur",
        created=MIDDAY,
        total=134033,
        total_excluding_tax=112633,
        amount_remaining=134033,
        lines=LinesRecord(data=[line_record()], has_more=False),
        customer="cus_1",
        number="DE01-0001",
        due_date=MIDDAY,
        effective_at=MIDDAY,
        status_transitions=TransitionsRecord(finalized_at=MIDDAY + 60),
        metadata=mapping.metadata(reference="INV-1", invoice_kind="standard", net="112633", gross="134033"),
    )
    return msgspec.structs.replace(record, **changes)


def read(record: InvoiceRecord) -> Any:
    return to_invoice(record, record.lines.data, BERLIN)


def test_a_draft_says_all_of_itself() -> None:
    """It is not collected, sent, taxed or discounted by itself; what is ours is metadata, the rest is printed."""
    new = new_invoice("cus_1", note="Reverse charge", corrects_number="DE01-0007")
    fields = from_invoice(new, "run-1.invoice", BERLIN)
    assert (False, {"enabled": False}, "send_invoice", "", "exclude", "eur", "cus_1") == (
        fields["auto_advance"],
        fields["automatic_tax"],
        fields["collection_method"],
        fields["discounts"],
        fields["pending_invoice_items_behavior"],
        fields["currency"],
        fields["customer"],
    )
    assert [
        ("Purchase order", "PO-4711"),
        ("Contract", "C-2026-014"),
        ("Replaces invoice", "DE01-0007"),
        ("Service period", "2026-11-01 to 2026-11-30"),
    ] == [(one["name"], one["value"]) for one in fields["custom_fields"]]
    assert ("Reverse charge", MIDDAY, MIDDAY + 30 * 86_400) == (
        fields["footer"],
        fields["effective_at"],
        fields["due_date"],
    )
    marks = {name.removeprefix("syncline_"): value for name, value in fields["metadata"].items()}
    assert ("INV-DE01-0001", "standard", "2", "232633", "276833", "run-1.invoice") == tuple(
        marks[name] for name in ("reference", "invoice_kind", "lines", "net", "gross", "key")
    )


@pytest.mark.parametrize(
    ("quantity", "unit_price", "currency", "expected"),
    [
        ("7.75", "145.333", "EUR", {"amount": 112633, "description": "Consulting L1 (7.75 × 145.333)"}),  # noqa: RUF001
        ("1", "20", "EUR", {"amount": 2000, "description": "Consulting L1"}),
        ("8", "150", "EUR", {"quantity_decimal": "8", "unit": "15000", "description": "Consulting L1"}),
        ("0.5", "145.3", "EUR", {"quantity_decimal": "0.5", "unit": "14530", "description": "Consulting L1"}),
        ("2", "14533.5", "JPY", {"quantity_decimal": "2", "unit": "14533.5", "description": "Consulting L1"}),
        ("8", "41.125", "KWD", {"quantity_decimal": "8", "unit": "41125", "description": "Consulting L1"}),
    ],
)
def test_a_line_has_a_unit_price_where_nothing_is_rounded(
    quantity: str, unit_price: str, currency: str, expected: dict[str, Any]
) -> None:
    """Else its amount is ours, and the quantity is told in words: the vendor never rounds for us."""
    fields = from_line(line("L1", quantity, unit_price, currency), 0, BERLIN)
    price = fields.pop("price_data", {})
    said = {name: fields[name] for name in ("amount", "quantity_decimal", "description") if name in fields}
    assert expected == said | ({"unit": price["unit_amount_decimal"]} if price else {})


def test_tax_is_told_as_an_amount() -> None:
    """With the base and the rate that it was reckoned by, in one spelling, so that the vendor makes one rate of it."""
    taxed = from_line(msgspec.structs.replace(line("L1"), tax_percent="19.00"), 0, BERLIN)["tax_amounts"]
    rate = {"display_name": "VAT19", "inclusive": False, "percentage": "19"}
    assert [{"amount": 21400, "taxable_amount": 112633, "tax_rate_data": rate}] == taxed
    free = from_line(line("L1", percent="0"), 0, BERLIN)["tax_amounts"][0]
    assert (0, "0") == (free["amount"], free["tax_rate_data"]["percentage"])


def test_an_amount_the_vendor_cannot_hold_names_its_place() -> None:
    """The last fils of a dinar, in an amount or in a tax."""
    for place, changed in (("amount", {"amount": "1.234"}), ("tax", {"tax": "0.001"})):
        amounts = {name: Money(amount=value, currency="KWD") for name, value in changed.items()}
        with pytest.raises(Failure) as caught:
            from_line(msgspec.structs.replace(line("L1", "1", "2", "KWD"), **amounts), 3, BERLIN)
        assert ("not_billable", f"/lines/3/{place}") == (caught.value.code, caught.value.errors[0].pointer)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"])
def test_a_day_is_its_noon_where_the_entity_is(zone: str) -> None:
    """Read back it is the same day, summer and winter."""
    seller = Seller(legal_entity_code="DE01", time_zone=zone)
    for day in (date(2026, 1, 1), date(2026, 7, 31), date(2026, 12, 31), date(2026, 3, 29)):
        assert day == seller.day(seller.noon(day))


def test_an_invoice_is_read_as_it_is() -> None:
    """Totals are the vendor's; a description has no quantity in it that we put there; a draft has no number."""
    found = read(invoice_record())
    assert ("DE01-0001", "1126.33", "214.00", "1340.33", date(2026, 11, 27)) == (
        found.number,
        found.net.amount,
        found.tax.amount,
        found.gross.amount,
        found.document_date,
    )
    assert [("L1", "Consulting L1", "7.75")] == [(one.key, one.description, one.quantity) for one in found.lines]
    assert read(invoice_record(status="draft")).number is None


def test_tax_within_an_amount_is_taken_out_of_it() -> None:
    """A person may have made an invoice with inclusive rates."""
    inclusive = line_record(amount=11900, taxes=[TaxRecord(amount=1900, tax_behavior="inclusive")], metadata={})
    lines = LinesRecord(data=[inclusive], has_more=False)
    found = read(invoice_record(total=11900, total_excluding_tax=10000, lines=lines, metadata={}))
    assert ("100.00", "19.00", "100.00", "19.00", "il_1", None) == (
        found.net.amount,
        found.tax.amount,
        found.lines[0].amount.amount,
        found.lines[0].tax.amount,
        found.lines[0].key,
        found.reference,
    )


@pytest.mark.parametrize(
    ("changes", "document", "payment"),
    [
        ({"status": "draft"}, "draft", "open"),
        ({"status": "open"}, "issued", "open"),
        ({"status": "open", "amount_paid": 1}, "issued", "partly_paid"),
        ({"status": "paid", "amount_paid": 134033}, "issued", "paid"),
        ({"status": "uncollectible"}, "issued", "written_off"),
        ({"status": "void"}, "void", "open"),
        ({"status": "open", "pre_payment_credit_notes_amount": 1}, "issued", "open"),
        ({"status": "paid", "pre_payment_credit_notes_amount": 134033}, "credited", "paid"),
        (
            {"status": "paid", "amount_paid": 1, "pre_payment_credit_notes_amount": 134032}
            | {"post_payment_credit_notes_amount": 1},
            "credited",
            "paid",
        ),
    ],
)
def test_one_status_is_two(changes: dict[str, Any], document: str, payment: str) -> None:
    """What became of the document, and what was paid of it."""
    found = read(invoice_record(**changes))
    assert (document, payment) == (found.document_state, found.payment_state)


def test_a_line_that_somebody_changed_is_not_the_one_asked_for() -> None:
    """Its amount, its tax, its place or what was asked."""
    asked = line("L1")
    assert is_as_asked(line_record(), asked, 0)
    assert not is_as_asked(line_record(), asked, 1)
    assert not is_as_asked(line_record(amount=112634), asked, 0)
    assert not is_as_asked(line_record(taxes=[]), asked, 0)
    assert not is_as_asked(line_record(), line("L1", "8"), 0)


def test_an_invoice_of_ours_is_whole_when_it_adds_up() -> None:
    """One that a person made has nothing to be measured by."""
    assert is_whole(invoice_record())
    assert not is_whole(invoice_record(total=134034))
    assert not is_whole(invoice_record(total_excluding_tax=112634))
    assert is_whole(invoice_record(total=1, total_excluding_tax=1, metadata={}))


@pytest.mark.parametrize(
    ("status", "remaining", "out_of_band"),
    [("open", 134033, None), ("open", 23800, None), ("open", 20000, 3800), ("paid", 0, 23800)],
)
def test_what_exceeds_what_is_owed_is_settled_elsewhere(status: str, remaining: int, out_of_band: int | None) -> None:
    """Never as a balance of the customer, which would lower his next invoice."""
    new = new_credit_note(credit_line("L1", "200.00", "38.00"))
    record = invoice_record(status=status, amount_remaining=remaining)
    fields = from_credit_note(new, record, {"L1": line_record()}, "run-1.credit", BERLIN)
    assert (out_of_band, "none", MIDDAY, new.reason) == (
        fields["out_of_band_amount"],
        fields["email_type"],
        fields["effective_at"],
        fields["memo"],
    )
    assert [
        {
            "type": "invoice_line_item",
            "invoice_line_item": "il_1",
            "amount": 20000,
            "tax_amounts": [{"amount": 3800, "tax_rate": "txr_1", "taxable_amount": 20000}],
        }
    ] == fields["lines"]


def test_a_line_without_tax_is_credited_without_it() -> None:
    """Nothing can be taken back that was not charged."""
    untaxed = {"L1": line_record(taxes=[])}
    free = new_credit_note(credit_line("L1", "200.00", "0.00"))
    assert "tax_amounts" not in from_credit_note(free, invoice_record(), untaxed, "k", BERLIN)["lines"][0]
    with pytest.raises(Failure) as caught:
        from_credit_note(new_credit_note(credit_line("L1", "200", "38")), invoice_record(), untaxed, "k", BERLIN)
    assert "not_billable" == caught.value.code


def test_a_credit_note_is_read_as_it_is() -> None:
    """Also one that a person made, and one that is void."""
    record = CreditNoteRecord(
        id="cn_1",
        invoice="in_1",
        number="DE01-0001-CN-01",
        status="void",
        currency="eur",
        created=MIDDAY,
        total=23800,
        total_excluding_tax=20000,
        voided_at=MIDDAY + 60,
    )
    note = to_credit_note(record, BERLIN)
    assert (None, True, "200.00", "38.00", "238.00", date(2026, 11, 27)) == (
        note.reference,
        note.voided,
        note.net.amount,
        note.tax.amount,
        note.gross.amount,
        note.document_date,
    )
