"""The journal that is missing: it balances, a repeat posts nothing, and the identity of the contract holds (B1, C)."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.money import Money
from canonical.postings import LedgerEntry
from process_apis.ledger.postings import Posting
from process_apis.revenue_recognition.balancing import balances_of, journal_lines, moves

FEE, HOURLY, RETAINER = {"fixed_fee"}, {"time_and_materials"}, {"prepaid_retainer"}
ROLES = ("revenue", "unbilled_receivable", "contract_asset", "contract_liability")


def posting(kind: str, entered: dict[str, Decimal]) -> Posting:
    amounts = {role: Money.of(amount, "EUR") for role, amount in entered.items()}
    entries = tuple(
        LedgerEntry(
            entry_number=role,
            legal_entity_code="DE01",
            posting_date=date(2027, 1, 31),
            document_number="D1",
            account_number=role,
            account_role=role,
            amount=amount,
            description="",
        )
        for role, amount in amounts.items()
    )
    return Posting.of(
        kind=kind,
        reference="R-1",
        run_id="run",
        contract_id="ctr",
        legal_entity_code="DE01",
        document_number="D1",
        posting_date=date(2027, 1, 31),
        entered=amounts,
        entries=entries,
    )


def invoice(net: Decimal | int, role: str = "contract_liability", kind: str = "invoice") -> Posting:
    """With 19 % tax; a credit note is the same the other way round."""
    tax = Decimal(net) * 19 / 100
    return posting(kind, {"receivable": net + tax, "tax_payable": -tax, role: -Decimal(net)})


def recognised(required: Decimal | int, before: list[Posting], methods: set[str]) -> list[Posting]:
    moved = moves(Decimal(required), balances_of(before), methods)
    return [*before, posting("revenue", moved)] if moved else before


def test_a_fixed_fee_with_an_advance() -> None:
    """100,000: revenue 40,000, 70,000, 100,000; invoiced 30,000, 30,000, 100,000; asset 10,000, 40,000, 0 (C)."""
    first = recognised(40000, [invoice(30000)], FEE)
    second = recognised(70000, first, FEE)
    third = recognised(100000, [*second, invoice(70000)], FEE)
    wanted = [(40000, 30000, 10000, 0), (70000, 30000, 40000, 0), (100000, 100000, 0, 0)]
    found = [balances_of(posted) for posted in (first, second, third)]
    assert wanted == [(one.revenue, one.invoiced, one.contract_asset, one.contract_liability) for one in found]


def test_a_prepaid_retainer() -> None:
    """12,000 for 100 h: 35 h used are revenue of 4,200 and leave a liability of 7,800 (C)."""
    found = balances_of(recognised(4200, [invoice(12000)], RETAINER))
    assert (4200, 12000, 7800, 0) == (found.revenue, found.invoiced, found.contract_liability, found.contract_asset)


def test_work_by_the_hour_is_an_unbilled_receivable_until_it_is_billed() -> None:
    """Only time has to pass until it is: no contract asset; the invoice takes it away and touches no revenue."""
    worked = recognised(1160, [], HOURLY)
    assert (1160, 1160, 0) == (
        balances_of(worked).revenue,
        balances_of(worked).unbilled_receivable,
        balances_of(worked).contract_asset,
    )
    billed = balances_of([*worked, invoice(1160, "unbilled_receivable")])
    assert (1160, 1160, 0) == (billed.revenue, billed.invoiced, billed.unbilled_receivable)


@pytest.mark.parametrize(
    ("required", "methods", "moved"),
    [
        ("40000", FEE, {"revenue": "-40000", "contract_asset": "40000"}),
        ("40000", HOURLY, {"revenue": "-40000", "unbilled_receivable": "40000"}),
        ("40000", FEE | HOURLY, {"revenue": "-40000", "contract_asset": "40000"}),
        ("-1", FEE, {"revenue": "1", "contract_liability": "-1"}),
        ("0", FEE, {}),
    ],
)
def test_revenue_moves_between_the_contract_s_balance_and_revenue(
    required: str, methods: set[str], moved: dict[str, str]
) -> None:
    """Debit positive, only what moves."""
    found = moves(Decimal(required), balances_of([]), methods)
    assert {role: Decimal(amount) for role, amount in moved.items()} == found


def test_a_repeat_posts_nothing_and_a_correction_the_difference() -> None:
    """What is posted is required minus posted; less work than before takes revenue back, in the open period."""
    posted = recognised(1160, [], HOURLY)
    assert {} == moves(Decimal(1160), balances_of(posted), HOURLY)
    wanted = {"revenue": Decimal(160), "unbilled_receivable": Decimal(-160)}
    assert wanted == moves(Decimal(1000), balances_of(posted), HOURLY)


def test_a_credit_takes_back_what_was_invoiced_and_no_revenue() -> None:
    """The work stays done: it is an asset again."""
    billed = [*recognised(1160, [], HOURLY), invoice(1160, "unbilled_receivable")]
    credited = balances_of([*billed, invoice(-1160, "unbilled_receivable", "credit_note")])
    assert (1160, 0, 1160) == (credited.revenue, credited.invoiced, credited.unbilled_receivable)


CENTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents).scaleb(-2))
FACTS = st.lists(
    st.tuples(st.sampled_from(["invoice", "credit_note", "revenue"]), CENTS, st.sampled_from(ROLES[1:])), max_size=8
)


@given(facts=FACTS, required=CENTS, methods=st.sampled_from([FEE, HOURLY, RETAINER, FEE | HOURLY]))
def test_the_identity_holds_after_every_move(
    facts: list[tuple[str, Decimal, str]], required: Decimal, methods: set[str]
) -> None:
    """Moves add up to nothing; a repeat is empty; revenue - invoiced = asset + unbilled - liability, one of them."""
    posted: list[Posting] = []
    for kind, amount, role in facts:
        posted = recognised(amount, posted, methods) if kind == "revenue" else [*posted, invoice(amount, role, kind)]
    assert Decimal(0) == sum(moves(required, balances_of(posted), methods).values())
    after = balances_of(recognised(required, posted, methods))
    assert {} == moves(required, after, methods)
    assert required == after.revenue
    sides = (after.contract_asset + after.unbilled_receivable, after.contract_liability)
    assert after.revenue - after.invoiced == sides[0] - sides[1]
    assert min(sides) == 0 <= max(sides)


def test_lines_are_in_the_entity_s_currency() -> None:
    """With what was entered, where that is another one."""
    moved = {"revenue": Decimal(-1160), "unbilled_receivable": Decimal(1160)}
    own = journal_lines(moved, "EUR", "EUR", Decimal(1), "Revenue of K-2026-17", "CC-D10")
    assert [("revenue", "-1160.00", None), ("unbilled_receivable", "1160.00", None)] == [
        (line.account_role, line.amount.amount, line.entered) for line in own
    ]
    other = journal_lines(moved, "CHF", "EUR", Decimal("1.0872"), "Revenue of K-2026-17", "CC-D10")
    assert [("-1261.15", Money.of(-1160, "CHF")), ("1261.15", Money.of(1160, "CHF"))] == [
        (line.amount.amount, line.entered) for line in other
    ]
    assert {("Revenue of K-2026-17", "CC-D10")} == {(line.description, line.cost_centre_code) for line in other}


def test_what_converting_leaves_over_stands_on_the_largest() -> None:
    """Three lines of yen in euros: the cent that is missing is on revenue."""
    moved = {"revenue": Decimal(-300), "contract_asset": Decimal(100), "contract_liability": Decimal(200)}
    lines = journal_lines(moved, "JPY", "EUR", Decimal("0.00625"), "Revenue", "CC")
    assert ["-1.88", "0.63", "1.25"] == [line.amount.amount for line in lines]


@given(
    amounts=st.lists(st.integers(1, 10**8), min_size=1, max_size=3),
    rate=st.sampled_from(["0.006123", "1.0872", "3.0123"]),
    currency=st.sampled_from(["JPY", "KWD", "EUR"]),
)
def test_a_journal_always_balances(amounts: list[int], rate: str, currency: str) -> None:
    """In the entity's currency to the cent, whatever the rate."""
    values = [Money.of_minor_units(amount, currency).value for amount in amounts]
    moved = dict(zip(ROLES[1:], values, strict=False)) | {"revenue": -sum(values, Decimal(0))}
    lines = journal_lines(moved, currency, "USD", Decimal(rate), "Revenue", "CC")
    assert Decimal(0) == sum(line.amount.value for line in lines)
    assert moved == {line.account_role: line.entered.value for line in lines if line.entered is not None}
