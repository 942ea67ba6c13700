"""The invoice before it is written: lines, tax, dates and totals, and what stands in the way of any."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sold import CONTRACT, ENTITY
from worked import ACCOUNT, BOOKS, OPEN, SCHEDULE, TAX, item, matter, money, period, sold_by

from canonical.money import Money, total
from canonical.releases import Draft
from canonical.sales import PurchaseOrder
from process_apis.invoice_release.drafting import Named, draft_of, objections, refuse
from process_apis.invoice_release.facts import Item, Matter
from process_apis.invoice_release.sharing import Limits, Shared, Standing, share_out
from process_apis.rules.reading import InvoicingRules, read_rules
from servicekit.failures import Failure, FieldError, Kind

RULES = read_rules().invoicing
BY_LINE = msgspec.structs.replace(RULES, tax_rounding="line")
NAMED = Named(reference="R-2026-0001", kind="standard")


def drafted(*items: Item, seen: Matter | None = None, rules: InvoicingRules = RULES, **known: Standing) -> Draft:
    return draft_of(seen or matter(), share_out(items, known, Limits()), NAMED, rules)


def lines(draft: Draft) -> list[tuple[str, str, str, str]]:
    return [(line.key, line.quantity, line.unit_price, line.amount.amount) for line in draft.lines]


def totals(draft: Draft) -> tuple[str, str, str]:
    return draft.net.amount, (draft.gross - draft.net).amount, draft.gross.amount


def test_hours_of_a_week_at_one_price_are_one_line() -> None:
    """Added up and multiplied out once, with every source of the line."""
    draft = drafted(item(), item("tim_2", "7.5", work_date=date(2026, 12, 9)))
    assert [("L001", "15.5", "145", "2247.50")] == lines(draft)
    (line,) = draft.lines
    assert "Engineer, 2026-12-07 to 2026-12-09" == line.description
    assert [("tim_1", "8", "1160.00"), ("tim_2", "7.5", "1087.50")] == [
        (source.item_id, source.quantity, source.amount.amount) for source in line.sources
    ]
    assert (date(2026, 12, 7), date(2026, 12, 10)) == (line.supply_from, line.supply_to)
    assert ("P-DE01-K-2026-17", "unbilled_receivable", "VAT19", "19") == (
        line.project_number,
        line.account_role,
        line.tax_code,
        line.tax_percent,
    )


def test_the_document_has_its_dates_names_and_totals() -> None:
    """What was agreed, and the entity's own today."""
    draft = drafted(item())
    assert ("R-2026-0001", "standard", "K-2026-17", "Alpenstrom AG", "DE01", "EUR", None, "standard") == (
        draft.reference,
        draft.kind,
        draft.contract_number,
        draft.customer_name,
        draft.legal_entity_code,
        draft.currency,
        draft.customer_reference,
        draft.tax_treatment,
    )
    day = date(2027, 1, 4)
    assert (day, day, date(2027, 2, 3)) == (draft.document_date, draft.posting_date, draft.due_date)
    assert (date(2026, 12, 7), date(2026, 12, 8)) == (draft.supply_from, draft.supply_to)
    assert ("1160.00", "220.40", "1380.40") == totals(draft)
    assert (money("1160.00"), None, None) == (draft.net_in_entity_currency, draft.rate, draft.note)
    (tax,) = draft.tax
    assert ("VAT19", "19", money("1160.00"), money("220.40")) == (tax.tax_code, tax.percent, tax.base, tax.tax)


def test_a_single_source_says_what_it_is() -> None:
    """Its narrative, as far as a line holds it; several are named by role and days."""
    assert "Engineer" == drafted(item()).lines[0].description
    assert 500 == len(drafted(item(description="x" * 600)).lines[0].description)
    same_day = drafted(item(), item("tim_2")).lines[0].description
    assert "Engineer, 2026-12-07" == same_day


def test_other_prices_weeks_and_kinds_have_lines_of_their_own() -> None:
    """An expense or a milestone never shares one."""
    draft = drafted(
        item(),
        item("tim_2", price="150"),
        item("tim_3", line="Engineer|145|2026-12-14"),
        item("exp_1", "1", "100", kind="expense", line="expense|exp_1"),
        item("mil_1", "1", "30000", kind="milestone", line="milestone|mil_1", account_role="contract_liability"),
    )
    assert ["1160.00", "1200.00", "1160.00", "100.00", "30000.00"] == [line.amount.amount for line in draft.lines]
    assert ["L001", "L002", "L003", "L004", "L005"] == [line.key for line in draft.lines]
    assert "contract_liability" == draft.lines[4].account_role


def test_too_many_lines_are_added_up_by_role_and_price() -> None:
    """The weeks are given up, the sources stay: one line more than the rules allow is too many."""
    few = msgspec.structs.replace(RULES, most_lines=3)
    weeks = [item(f"tim_{place}", line=f"Engineer|145|2026-{place:02}") for place in range(1, 5)]
    assert 3 == len(drafted(*weeks[:3], rules=few).lines)
    draft = drafted(*weeks, rules=few)
    assert [("L001", "32", "145", "4640.00")] == lines(draft)
    assert 4 == len(draft.lines[0].sources)


def test_adding_up_keeps_roles_and_prices_apart() -> None:
    """And expenses by themselves."""
    few = msgspec.structs.replace(RULES, most_lines=1)
    draft = drafted(
        item(),
        item("tim_2", line="Engineer|145|2026-12-14"),
        item("tim_3", price="150"),
        item("tim_4", line="Tester|145|2026-12-07"),
        item("exp_1", "1", "100", kind="expense", line="expense|exp_1"),
        rules=few,
    )
    assert ["2320.00", "1200.00", "1160.00", "100.00"] == [line.amount.amount for line in draft.lines]


def test_what_was_conceded_is_one_piece_at_its_amount() -> None:
    """The line is no quantity at a price any more; the concession is told beside the invoice."""
    draft = drafted(item(), item("tim_2"), tim_2=Standing(write_down=Decimal(160), write_down_because="goodwill"))
    assert [("L001", "8", "145", "1160.00"), ("L002", "1", "1000", "1000.00")] == lines(draft)
    assert [("tim_2", "0", "160.00", "written_down", "goodwill")] == [
        (one.item_id, one.quantity, one.amount.amount, one.reason, one.detail) for one in draft.left_out
    ]


def test_what_is_covered_is_told_and_not_billed() -> None:
    """It was paid for in advance."""
    shared = share_out((item(coverable=True),), {}, Limits(hours=Decimal(5)))
    draft = draft_of(matter(), shared, NAMED, RULES)
    assert [("L001", "3", "145", "435.00")] == lines(draft)
    assert [("tim_1", "5", "725.00", "covered", "paid for in advance")] == [
        (one.item_id, one.quantity, one.amount.amount, one.reason, one.detail) for one in draft.left_out
    ]


def test_nothing_to_bill_is_an_empty_draft() -> None:
    """Of nothing, with no tax, in the contract's currency."""
    draft = drafted()
    assert ((), ("0.00", "0.00", "0.00")) == (draft.lines, totals(draft))
    assert (date(2027, 1, 4), date(2027, 1, 5)) == (draft.supply_from, draft.supply_to)


def test_tax_is_rounded_by_document_or_by_line() -> None:
    """Three lines of 0.45 at 19 %: 0.26 of their sum, 0.27 of each (EN 16931 BR-CO-17 reckons by document)."""
    each = [item(f"e{place}", "1", "0.45", kind="expense", line=f"expense|e{place}") for place in range(3)]
    assert ("1.35", "0.26", "1.61") == totals(drafted(*each))
    assert ("1.35", "0.27", "1.62") == totals(drafted(*each, rules=BY_LINE))


def test_what_rounding_leaves_over_of_the_tax_is_on_the_largest_line() -> None:
    """The parts add up to the document's tax (B33)."""
    each = [item(f"e{place}", "1", "0.45", kind="expense", line=f"expense|e{place}") for place in range(3)]
    assert ["0.08", "0.09", "0.09"] == [line.tax.amount for line in drafted(*each).lines]


def test_by_line_each_line_has_its_own_tax() -> None:
    """No line's tax depends on what else is on the invoice."""
    amounts = ["0.25", "0.25", "0.25", "0.25", "0.25", "0.24"]
    each = [
        item(f"e{place}", "1", amount, kind="expense", line=f"expense|e{place}") for place, amount in enumerate(amounts)
    ]
    ten = replace(TAX, rate_percent="10")
    draft = drafted(*each, seen=matter(book_tax_code=ten), rules=BY_LINE)
    assert ["0.03"] * 5 + ["0.02"] == [line.tax.amount for line in draft.lines]
    assert ("1.49", "0.17", "1.66") == totals(draft)


def test_reverse_charge_has_no_tax_and_says_why() -> None:
    """The words that the law asks for stand on the invoice."""
    code = replace(TAX, code="RC", kind="reverse_charge", rate_percent="0")
    seen = matter(replace(CONTRACT, tax_treatment="reverse_charge"), book_tax_code=code)
    draft = drafted(item(), seen=seen)
    assert ("1160.00", "0.00", "1160.00") == totals(draft)
    assert RULES.notes["reverse_charge"] == draft.note
    assert ("RC", "0") == (draft.tax[0].tax_code, draft.tax[0].percent)


def test_a_document_date_that_was_asked_for_is_kept() -> None:
    """Its due date and its period follow from it."""
    december = period("2026-12", date(2026, 12, 1), date(2027, 1, 1), None)
    seen = matter(document_date=date(2026, 12, 31), book_periods=(december, OPEN))
    draft = drafted(item(), seen=seen)
    assert (date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 30)) == (
        draft.document_date,
        draft.posting_date,
        draft.due_date,
    )


def test_where_no_period_is_open_there_is_no_draft() -> None:
    """A legal invoice that cannot be booked is never made (B2)."""
    with pytest.raises(Failure) as caught:
        drafted(item(), seen=matter(book_periods=()))
    assert (Kind.INVALID, "period_closed") == (caught.value.kind, caught.value.code)


def test_the_approver_s_limit_is_compared_in_the_entity_s_currency() -> None:
    """At the rate that is shown; the invoice stays in the contract's."""
    contract = sold_by("time_and_materials", currency="CHF", roles=())
    draft = drafted(item(currency="CHF"), seen=matter(contract, book_rate="1.0872"))
    assert (money("1160.00", "CHF"), money("1261.15"), "1.0872") == (
        draft.net,
        draft.net_in_entity_currency,
        draft.rate,
    )


@pytest.mark.parametrize(
    ("currency", "price", "rate", "wanted", "in_euros"),
    [
        ("JPY", "15001", "0.006123", ("120008", "22802", "142810"), "734.81"),
        ("KWD", "45.1234", "3.0123", ("360.987", "68.588", "429.575"), "1087.40"),
    ],
)
def test_totals_have_the_decimals_of_the_currency(
    currency: str, price: str, rate: str, wanted: tuple[str, str, str], in_euros: str
) -> None:
    """Eight hours in yen and in dinars, at 19 %."""
    contract = sold_by("time_and_materials", currency=currency, roles=())
    draft = drafted(item(price=price, currency=currency), seen=matter(contract, book_rate=rate))
    assert (wanted, money(in_euros)) == (totals(draft), draft.net_in_entity_currency)


def test_a_draft_is_read_as_it_was_kept() -> None:
    """Also with the rate of a currency whose unit is small: 0.006123 euros for a yen."""
    contract = sold_by("time_and_materials", currency="JPY", roles=())
    draft = drafted(item(price="15001", currency="JPY"), seen=matter(contract, book_rate="0.006123"))
    assert draft == msgspec.json.decode(msgspec.json.encode(draft), type=Draft)


def test_an_invoice_never_exceeds_what_is_claimed() -> None:
    """Three quarters of an hour at 33.33 are 8.33 each and 25.00 together: a cent beyond a cap of 24.99 (B23)."""
    quarters = tuple(item(f"tim_{place}", "0.25", "33.33") for place in range(3))
    shared = share_out(quarters, {}, Limits(cap=Decimal("24.99")))
    draft = draft_of(matter(), shared, NAMED, RULES)
    assert Decimal("24.99") == shared.used("billed") == draft.net.value
    assert [(f"L00{place}", "0.25", "33.33", "8.33") for place in (1, 2, 3)] == lines(draft)


def test_rounding_in_the_customer_s_favour_stays() -> None:
    """A half hour at 33.33 is 16.665, so 16.67; two of them are 33.33 on one line, a cent less than claimed (B31)."""
    draft = drafted(item("tim_1", "0.5", "33.33"), item("tim_2", "0.5", "33.33"))
    assert [("L001", "1", "33.33", "33.33")] == lines(draft)


@st.composite
def billed(draw: st.DrawFn) -> tuple[str, Shared]:
    """Items of a few roles, prices and weeks, some conceded in part, in one currency."""
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    items, known = [], {}
    for place in range(draw(st.integers(0, 12))):
        quantity = f"{Decimal(draw(st.integers(1, 1200))).scaleb(-2):f}"
        price = draw(st.sampled_from(["145", "145.333", "33.33333", "0.07"]))
        week, kind = draw(st.sampled_from(["2026-12-07", "2026-12-14"])), draw(st.sampled_from(["time", "expense"]))
        made = item(f"item_{place}", quantity, price, currency, kind=kind, line=f"Engineer|{price}|{week}")
        items.append(made)
        if draw(st.booleans()):
            known[made.item_id] = Standing(write_down=draw(st.integers(0, 50).map(Decimal)))
    return currency, share_out(tuple(items), known, Limits())


@settings(max_examples=60, deadline=None)  # a release takes a while to make up
@given(situation=billed(), by_line=st.booleans(), most_lines=st.integers(1, 12), percent=st.integers(0, 27))
def test_totals_add_up(situation: tuple[str, Shared], by_line: bool, most_lines: int, percent: int) -> None:
    """Net is the sum of the lines, the tax that of its parts, gross is both; never more than is claimed."""
    currency, shared = situation
    rules = msgspec.structs.replace(BY_LINE if by_line else RULES, most_lines=most_lines)
    contract = sold_by("time_and_materials", currency=currency, roles=())
    code = replace(TAX, rate_percent=str(percent))
    draft = draft_of(matter(contract, book_tax_code=code, book_rate="1"), shared, NAMED, rules)
    assert draft.net == total([line.amount for line in draft.lines], currency)
    assert draft.tax[0].tax == total([line.tax for line in draft.lines], currency)
    assert draft.gross == draft.net + draft.tax[0].tax
    assert draft.net.value <= shared.used("billed")
    sources = [source.amount for line in draft.lines for source in line.sources]
    assert Money.of(shared.used("billed"), currency) == total(sources, currency)
    assert all(
        line.amount == Money.of(Decimal(line.quantity) * Decimal(line.unit_price), currency) for line in draft.lines
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"book_account": None}, [("bill_to_missing", "/customer")]),
        ({"book_account": replace(ACCOUNT, blocked=True)}, [("customer_blocked", "/customer")]),
        ({"schedule": None}, [("bill_to_missing", "/billing_account")]),
        ({"schedule": replace(SCHEDULE, billing_account_id=None)}, [("bill_to_missing", "/billing_account")]),
        ({"book_tax_code": None}, [("invoice_tax_unresolved", "/tax_treatment")]),
        ({"book_tax_code": replace(TAX, rate_percent=None)}, [("invoice_tax_unresolved", "/tax_treatment")]),
        ({"book_entity": replace(ENTITY, base_currency="CHF")}, [("exchange_rate_missing", "/currency")]),
        (
            {"contract": replace(CONTRACT, purchase_order=PurchaseOrder(required=True))},
            [("po_missing", "/purchase_order")],
        ),
        ({"contract": replace(CONTRACT, purchase_order=PurchaseOrder(required=False))}, []),
        ({"contract": replace(CONTRACT, purchase_order=PurchaseOrder(required=True, number="4500017"))}, []),
        ({"contract": replace(CONTRACT, payment_terms="90 DAYS")}, [("unknown_payment_terms", "/payment_terms")]),
        (
            {"book_account": None, "schedule": None, "book_tax_code": None},
            [
                ("bill_to_missing", "/customer"),
                ("bill_to_missing", "/billing_account"),
                ("invoice_tax_unresolved", "/tax_treatment"),
            ],
        ),
    ],
)
def test_what_stands_in_the_way_of_any_invoice_is_told_at_once(
    change: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    """Account, tax, rate, purchase order, terms: nothing is written until all are there (B2)."""
    assert found == [(error.code, error.pointer) for error in objections(matter(**change), RULES)]


def test_the_purchase_order_s_number_stands_on_the_invoice() -> None:
    """As the customer's own reference."""
    contract = replace(CONTRACT, purchase_order=PurchaseOrder(required=True, number="4500017"))
    assert "4500017" == drafted(item(), seen=matter(contract)).customer_reference


def test_a_missing_rate_is_named_with_its_day() -> None:
    """The day of the document, where that is not today."""
    seen = matter(book_entity=replace(BOOKS.entity, base_currency="CHF"), document_date=date(2026, 12, 31))
    assert ["no rate from EUR to CHF holds on 2026-12-31"] == [one.message for one in objections(seen, RULES)]


def test_findings_are_refused_together() -> None:
    """The first gives the code, all are told; none refuse nothing."""
    found = tuple(FieldError(pointer=f"/{code}", code=code, message=f"{code}!") for code in ("one", "two"))
    with pytest.raises(Failure) as caught:
        refuse(found)
    assert (Kind.INVALID, "one", "one!; two!", found) == (
        caught.value.kind,
        caught.value.code,
        caught.value.detail,
        caught.value.errors,
    )
    refuse(())
