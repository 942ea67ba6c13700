"""What a credit takes back: in whole or in part, by the original's rates, and never more than was billed."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worked import item, matter, money, sold_by

from canonical.money import Money
from canonical.releases import CreditedLine, Draft, NewCredit
from process_apis.invoice_release.crediting import TakenBack, credit_draft, credit_note, taken_back
from process_apis.invoice_release.drafting import Named, draft_of
from process_apis.invoice_release.facts import Item
from process_apis.invoice_release.sharing import Limits, share_out
from process_apis.rules.reading import read_rules
from servicekit.failures import Failure, Kind

RULES = read_rules().invoicing
DAY = date(2027, 2, 10)


def billed(*items: Item) -> Draft:
    shared = share_out(items, {}, Limits())
    return draft_of(matter(), shared, Named(reference="R-2026-0001", kind="standard"), RULES)


# Two entries of 8 h and 2 h on one line, 1450.00 net; a train ticket of 100.00.
INVOICE = billed(item(), item("tim_2", "2"), item("exp_1", "1", "100", kind="expense", line="expense|exp_1"))


def asked(*lines: tuple[str, str]) -> NewCredit:
    return NewCredit(
        reason="hours of another project",
        lines=tuple(CreditedLine(line_key=key, amount=Money(amount=amount, currency="EUR")) for key, amount in lines),
    )


def credit(*lines: tuple[str, str], of: Draft = INVOICE, credited: dict[str, Decimal] | None = None) -> Draft:
    return credit_draft(of, asked(*lines), "C-2026-0001", DAY, credited or {})


def shown(draft: Draft) -> list[tuple[str, str, str, str, str]]:
    return [(line.key, line.quantity, line.unit_price, line.amount.amount, line.tax.amount) for line in draft.lines]


def totals(draft: Draft) -> tuple[str, str, str]:
    return draft.net.amount, draft.tax[0].tax.amount, draft.gross.amount


def test_a_credit_in_whole_is_the_original_the_other_way_round() -> None:
    """Its lines, rates, treatment and tax, under a reference and dates of its own (B9)."""
    whole = credit()
    assert (INVOICE.lines, INVOICE.net, INVOICE.gross, INVOICE.tax) == (whole.lines, whole.net, whole.gross, whole.tax)
    assert ("C-2026-0001", DAY, DAY, DAY, ()) == (
        whole.reference,
        whole.document_date,
        whole.posting_date,
        whole.due_date,
        whole.left_out,
    )
    assert ("1550.00", "294.50", "1844.50") == totals(whole)
    assert (INVOICE.net_in_entity_currency, "standard") == (whole.net_in_entity_currency, whole.tax_treatment)


def test_a_whole_line_stays_as_it_was_billed() -> None:
    """Hours at their price."""
    one = credit(("L001", "1450.00"))
    assert [("L001", "10", "145", "1450.00", "275.50")] == shown(one)
    assert ("1450.00", "275.50", "1725.50") == totals(one)


@pytest.mark.parametrize("amount", ["1450", "1450.0", "1450.00"])
def test_a_whole_line_is_whole_however_its_amount_is_written(amount: str) -> None:
    """1450 euros are 1450.00 euros."""
    one = credit(("L001", amount))
    assert [("L001", "10", "145", "1450.00", "275.50")] == shown(one)
    assert [True, True] == [back.whole for back in taken_back(INVOICE, one)]


def test_a_part_of_a_line_is_one_piece_with_its_share_of_the_tax() -> None:
    """At the original's rate."""
    part = credit(("L001", "290.00"))
    assert [("L001", "1", "290", "290.00", "55.10")] == shown(part)
    assert ("290.00", "55.10", "345.10") == totals(part)


def test_lines_that_are_not_named_stay_billed() -> None:
    """Only the affected ones are corrected."""
    assert ["L002"] == [line.key for line in credit(("L002", "40")).lines]


def test_what_was_credited_before_is_not_credited_again() -> None:
    """In whole means what is left: of the line that is used up nothing, of the other the rest."""
    rest = credit(credited={"L001": Decimal("290.00"), "L002": Decimal("100.00")})
    assert [("L001", "1", "1160", "1160.00", "220.40")] == shown(rest)


@pytest.mark.parametrize(
    ("lines", "credited", "code", "pointer"),
    [
        ((("L009", "1"),), {}, "unknown_line", "/lines/0/line_key"),
        ((("L001", "1450.01"),), {}, "more_than_was_billed", "/lines/0/amount"),
        ((("L001", "1160.01"),), {"L001": Decimal(290)}, "more_than_was_billed", "/lines/0/amount"),
        ((("L001", "0"),), {}, "more_than_was_billed", "/lines/0/amount"),
        ((("L001", "-1"),), {}, "more_than_was_billed", "/lines/0/amount"),
        ((("L002", "1"), ("L001", "1450.01")), {}, "more_than_was_billed", "/lines/1/amount"),
        ((("L002", "60"), ("L002", "60")), {}, "more_than_was_billed", "/lines/1/amount"),
    ],
)
def test_no_line_is_credited_beyond_what_is_left_of_it(
    lines: tuple[tuple[str, str], ...], credited: dict[str, Decimal], code: str, pointer: str
) -> None:
    """A cent too much is refused, also where a line is named twice; and so is what is no amount at all."""
    with pytest.raises(Failure) as caught:
        credit(*lines, credited=credited)
    assert (Kind.INVALID, code) == (caught.value.kind, caught.value.code)
    assert [(code, pointer)] == [(error.code, error.pointer) for error in caught.value.errors]


def test_a_line_that_is_named_twice_is_credited_by_both() -> None:
    """Not by the last alone."""
    assert [("L002", "1", "70", "70.00", "13.30")] == shown(credit(("L002", "40"), ("L002", "30")))


def test_another_currency_credits_nothing() -> None:
    """Ten francs are not ten euros."""
    wrong = NewCredit(reason="wrong", lines=(CreditedLine(line_key="L001", amount=money(10, "CHF")),))
    with pytest.raises(Failure) as caught:
        credit_draft(INVOICE, wrong, "C-2026-0001", DAY, {})
    assert "more_than_was_billed" == caught.value.code


def test_where_nothing_is_left_there_is_no_credit() -> None:
    """Everything was taken back already."""
    with pytest.raises(Failure) as caught:
        credit(credited={"L001": Decimal(1450), "L002": Decimal(100)})
    assert (Kind.INVALID, "nothing_to_credit") == (caught.value.kind, caught.value.code)


def test_a_whole_credit_lets_go_of_exactly_what_each_item_was_billed_at() -> None:
    """So that exactly this may be billed anew (B10)."""
    wanted = [
        TakenBack(item_id="tim_1", amount=money(1160), whole=True),
        TakenBack(item_id="tim_2", amount=money(290), whole=True),
        TakenBack(item_id="exp_1", amount=money(100), whole=True),
    ]
    assert wanted == list(taken_back(INVOICE, credit()))


def test_a_part_is_shared_out_over_the_items_by_their_worth() -> None:
    """Nobody says which hour was wrong: 100 of 1450 are 80 of 1160 and 20 of 290."""
    wanted = [
        TakenBack(item_id="tim_1", amount=money(80), whole=False),
        TakenBack(item_id="tim_2", amount=money(20), whole=False),
    ]
    assert wanted == list(taken_back(INVOICE, credit(("L001", "100"))))


def test_the_last_part_takes_the_rest() -> None:
    """After it the items are as free as after a credit in whole."""
    first = credit(("L001", "100"))
    rest = credit(("L001", "1350"), credited={"L001": Decimal(100)})
    wanted = [
        TakenBack(item_id="tim_1", amount=money(1080), whole=True),
        TakenBack(item_id="tim_2", amount=money(270), whole=True),
    ]
    assert wanted == list(taken_back(INVOICE, rest, (first,)))


def test_a_few_cents_are_taken_of_a_few_items() -> None:
    """Two cents of five items of a cent each are two items' cents, never two of one."""
    invoice = billed(*(item(f"tim_{place}", "0.01", "1") for place in range(5)))
    back = list(taken_back(invoice, credit(("L001", "0.02"), of=invoice)))
    assert ["0.01", "0.01", "0.00", "0.00", "0.00"] == [one.amount.amount for one in back]


def test_tax_that_is_credited_in_parts_adds_up() -> None:
    """0.05 at 19 % are 0.01 of tax: the first 0.03 take it, the other 0.02 find none left."""
    invoice = billed(item("exp_1", "1", "0.05", kind="expense"))
    first = credit(("L001", "0.03"), of=invoice)
    rest = credit(("L001", "0.02"), of=invoice, credited={"L001": Decimal("0.03")})
    assert (("0.03", "0.01", "0.04"), ("0.02", "0.00", "0.02")) == (totals(first), totals(rest))


def test_a_credit_note_says_what_is_taken_back_of_each_line() -> None:
    """With its reason, as far as a credit note holds it."""
    note = credit_note(credit(("L001", "290")), "x" * 300)
    assert ("C-2026-0001", "x" * 200, DAY, money(290), money("345.10")) == (
        note.reference,
        note.reason,
        note.document_date,
        note.net,
        note.gross,
    )
    assert [("L001", money(290), money("55.10"))] == [(line.line_key, line.amount, line.tax) for line in note.lines]


@pytest.mark.parametrize(
    ("currency", "price", "asked_for", "wanted"),
    [
        ("JPY", "15001", "50001", ("50001", "9500", "59501")),
        ("KWD", "45.125", "100.001", ("100.001", "19.000", "119.001")),
    ],
)
def test_a_part_has_the_decimals_of_the_currency(
    currency: str, price: str, asked_for: str, wanted: tuple[str, str, str]
) -> None:
    """Of eight hours in yen and in dinars, valued at the original's rate."""
    contract = sold_by("time_and_materials", currency=currency, roles=())
    shared = share_out((item(price=price, currency=currency),), {}, Limits())
    named = Named(reference="R-2026-0001", kind="standard")
    original = draft_of(matter(contract, book_rate="0.5"), shared, named, RULES)
    part = NewCredit(reason="error", lines=(CreditedLine(line_key="L001", amount=money(asked_for, currency)),))
    made = credit_draft(original, part, "C-2026-0001", DAY, {})
    assert wanted == totals(made)
    assert Money.of(Decimal(wanted[0]) / 2, "EUR") == made.net_in_entity_currency


HOURS = st.lists(st.integers(1, 900).map(lambda parts: f"{Decimal(parts).scaleb(-2):f}"), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)  # several credits each
@given(hours=HOURS, price=st.sampled_from(["145", "33.33333", "0.97"]), cuts=st.lists(st.integers(1, 99), max_size=4))
def test_credits_never_take_back_more_than_was_billed(hours: list[str], price: str, cuts: list[int]) -> None:
    """In any parts: of no line, of no item, and no more tax; in the end exactly all of it."""
    invoice = billed(*(item(f"tim_{place}", one, price) for place, one in enumerate(hours)))
    left, notes = {line.key: line.amount.value for line in invoice.lines}, list[Draft]()
    items = {source.item_id: source.amount.value for line in invoice.lines for source in line.sources}
    for percent in (*cuts, 100):
        parts = {key: Money.of(amount * percent / 100, "EUR") for key, amount in left.items()}
        lines = [(key, min(part.value, left[key])) for key, part in parts.items() if part.value > 0]
        if not lines:
            continue
        credited = {line.key: line.amount.value - left[line.key] for line in invoice.lines}
        made = credit(*((key, f"{amount:f}") for key, amount in lines), of=invoice, credited=credited)
        for back in taken_back(invoice, made, tuple(notes)):
            assert 0 <= back.amount.value <= items[back.item_id]
            items[back.item_id] -= back.amount.value
        notes.append(made)
        left = {key: amount - dict(lines).get(key, Decimal(0)) for key, amount in left.items()}
    assert set(left.values()) == {Decimal(0)} == set(items.values())
    assert invoice.net.value == sum(one.net.value for one in notes)
    assert invoice.gross.value == sum(one.gross.value for one in notes)
    assert all(line.tax.value >= 0 for one in notes for line in one.lines)
