"""A posting: what was entered, what the ledger made of it, and that both add up to nothing."""

from datetime import date
from decimal import Decimal

import pytest

from canonical.money import Money
from canonical.postings import LedgerEntry
from process_apis.ledger.postings import Posting, balance, balance_in_base


def line(role: str | None, amount: str, currency: str = "EUR", account: str = "1400") -> LedgerEntry:
    return LedgerEntry(
        entry_number="1",
        legal_entity_code="DE01",
        posting_date=date(2027, 1, 4),
        document_number="103012",
        account_number=account,
        account_role=role,
        amount=Money.of(amount, currency),
        description="",
    )


def posting(entered: dict[str, str], *entries: LedgerEntry, currency: str = "EUR") -> Posting:
    return Posting.of(
        kind="invoice",
        reference="R-1",
        run_id="run",
        contract_id="ctr",
        legal_entity_code="DE01",
        document_number="103012",
        posting_date=date(2027, 1, 4),
        entered={role: Money.of(amount, currency) for role, amount in entered.items()},
        entries=entries,
    )


INVOICE = {"receivable": "1380.40", "tax_payable": "-220.40", "unbilled_receivable": "-1160.00"}
BOOKED = tuple(line(role, amount) for role, amount in INVOICE.items())


def test_a_posting_in_the_entity_s_own_currency() -> None:
    """The same amounts twice, at a rate of one."""
    made = posting(INVOICE, *BOOKED)
    assert (INVOICE, INVOICE, "EUR", "EUR", "1") == (
        made.entered,
        made.accounted,
        made.currency,
        made.base_currency,
        made.rate,
    )


def test_lines_of_one_role_add_up() -> None:
    """A ledger may book each line of the document by itself."""
    halves = (line("unbilled_receivable", "-580.00"), line("unbilled_receivable", "-580.00"))
    assert INVOICE == posting(INVOICE, *BOOKED[:2], *halves).accounted


def test_an_account_without_a_role_stands_under_its_number() -> None:
    """Such as the rounding account of a ledger."""
    odd = (line("receivable", "1380.41"), *BOOKED[1:], line(None, "-0.01", account="6999"))
    assert INVOICE | {"receivable": "1380.41", "6999": "-0.01"} == posting(INVOICE, *odd).accounted


def test_what_did_not_move_is_not_kept() -> None:
    """An invoice without tax has no tax line."""
    free = {"receivable": "100.00", "tax_payable": "0.00", "contract_liability": "-100.00"}
    made = posting(free, line("receivable", "100"), line("contract_liability", "-100"))
    assert {"receivable": "100.00", "contract_liability": "-100.00"} == made.entered


@pytest.mark.parametrize(
    ("currency", "entered", "booked", "rate"),
    [
        ("CHF", {"receivable": "1000", "contract_liability": "-1000"}, "1087.20", "1.0872"),
        ("JPY", {"receivable": "120008", "contract_liability": "-120008"}, "734.81", "0.006123"),
        ("KWD", {"receivable": "360.987", "contract_liability": "-360.987"}, "1087.40", "3.012297"),
    ],
)
def test_the_rate_is_what_the_ledger_made_of_it(currency: str, entered: dict[str, str], booked: str, rate: str) -> None:
    """From the largest amount, to six decimals."""
    made = posting(entered, line("receivable", booked), line("contract_liability", f"-{booked}"), currency=currency)
    assert (rate, currency, "EUR") == (made.rate, made.currency, made.base_currency)


def test_the_rate_is_of_an_account_that_the_ledger_names() -> None:
    """The largest amount may stand on an account without a role: the rate is not one because of that."""
    entered = {"receivable": "1000", "contract_liability": "-1000"}
    made = posting(entered, line(None, "1087.20"), line("contract_liability", "-1087.20"), currency="CHF")
    assert "1.0872" == made.rate


@pytest.mark.parametrize("wrong", ["1380.39", "1380.41", "-1380.40"])
def test_what_does_not_balance_is_refused(wrong: str) -> None:
    """By a cent, in what was entered as in what was booked."""
    with pytest.raises(ValueError, match="R-1 does not balance"):
        posting(INVOICE | {"receivable": wrong}, *BOOKED)
    with pytest.raises(ValueError, match="R-1 does not balance"):
        posting(INVOICE, line("receivable", wrong), *BOOKED[1:])


def test_a_balance_is_what_postings_leave_on_a_role() -> None:
    """Debit positive, in either currency; of none nothing."""
    entered = {"receivable": "1000", "contract_liability": "-1000"}
    made = posting(entered, line("receivable", "1087.20"), line("contract_liability", "-1087.20"), currency="CHF")
    assert Decimal(2000) == balance((made, made), "receivable")
    assert Decimal("-2174.40") == balance_in_base((made, made), "contract_liability")
    assert (Decimal(0), Decimal(0)) == (balance((made,), "revenue"), balance_in_base((), "receivable"))
