"""What every ERP connector keeps about journals and the ledger, whichever vendor serves it."""

from collections.abc import Awaitable
from datetime import date
from typing import Any

import msgspec
import pytest
from erp_postings import DAY, booked, journal

from canonical.money import Money
from servicekit.failures import Failure, Kind

KEY = "run-1:journal"
REFERENCE = "RR-DE01-2026-11-01"


async def failure_of(work: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await work
    return caught.value


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


async def test_a_journal_is_posted_as_it_was_ordered(stage: Any) -> None:
    """All lines, under the reference as document number, on the day, with entry numbers of the ledger."""
    made = await stage.erp.create_journal(journal(), KEY)
    assert ("posted", REFERENCE, DAY, "DE01") == (
        made.status,
        made.reference,
        made.posting_date,
        made.legal_entity_code,
    )
    entries = (await stage.erp.ledger_entries("DE01", None, REFERENCE, None, 200)).items
    assert [("unbilled_receivable", euros("1746.00")), ("revenue", euros("-1746.00"))] == [
        (entry.account_role, entry.amount) for entry in entries
    ]
    assert made.entry_numbers == tuple(entry.entry_number for entry in entries)
    assert made == await stage.erp.journal(made.id)
    assert (made,) == await stage.erp.journals_of("DE01", REFERENCE)
    assert () == await stage.erp.journals_of("GB01", REFERENCE)


async def test_a_journal_is_posted_once(stage: Any) -> None:
    """A repeat finds the first; other lines under the reference are a CONFLICT."""
    assert await stage.erp.created_journal(journal(), KEY) is None
    made = await stage.erp.create_journal(journal(), KEY)
    assert made == await stage.erp.create_journal(journal(), "another-key")
    assert made == await stage.erp.created_journal(journal(), KEY)
    other = journal(booked("unbilled_receivable", "1.00"), booked("revenue", "-1.00"))
    failure = await failure_of(stage.erp.create_journal(other, KEY))
    assert (Kind.CONFLICT, "reference_taken") == (failure.kind, failure.code)
    assert 2 == len((await stage.erp.ledger_entries("DE01", None, None, None, 200)).items)


async def test_what_was_entered_is_told_beside_the_local_amount(stage: Any) -> None:
    """The ledger has the entity's currency; the contract's amount is still to be read."""
    lines = (
        booked("contract_asset", "1071.00", entered=Money(amount="1000.00", currency="CHF")),
        booked("revenue", "-1071.00", entered=Money(amount="-1000.00", currency="CHF")),
    )
    await stage.erp.create_journal(journal(*lines), KEY)
    entries = (await stage.erp.ledger_entries("DE01", "contract_asset", None, None, 200)).items
    assert [(euros("1071.00"), "Work of November (1000.00 CHF)")] == [(one.amount, one.description) for one in entries]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((booked("goodwill", "1.00"), booked("revenue", "-1.00")), "unknown_account_role"),
        ((booked("contract_asset", "1.00"), booked("revenue", "-0.99")), "unbalanced"),
        (
            (booked("contract_asset", "1.00", cost_centre_code="CC-D77"), booked("revenue", "-1.00")),
            "unknown_cost_centre",
        ),
        ((booked("contract_asset", "1.00"), booked("revenue", "-1.00", cost_centre_code=None)), "missing_dimension"),
    ],
)
async def test_a_journal_must_be_postable(stage: Any, lines: Any, code: str) -> None:
    """All lines or none: what one of them lacks refuses the whole, and nothing is left behind."""
    failure = await failure_of(stage.erp.create_journal(journal(*lines), KEY))
    assert (Kind.INVALID, code) == (failure.kind, failure.code)
    assert () == await stage.erp.journals_of("DE01", REFERENCE)
    assert "posted" == (await stage.erp.create_journal(journal(), KEY)).status


async def test_a_journal_is_in_the_entitys_currency(stage: Any) -> None:
    """Another currency is refused before anything is sent."""
    amounts = {"contract_asset": "1.00", "revenue": "-1.00"}
    lines = [
        msgspec.structs.replace(booked(role, amount), amount=Money(amount=amount, currency="USD"))
        for role, amount in amounts.items()
    ]
    failure = await failure_of(stage.erp.create_journal(journal(*lines), KEY))
    assert (Kind.INVALID, "not_in_base_currency") == (failure.kind, failure.code)


async def test_a_closed_period_refuses_a_journal(stage: Any) -> None:
    """Refused while the day lies outside the open window; the very same journal works once it is inside."""
    await stage.open_window("DE01", None, date(2026, 10, 31))
    failure = await failure_of(stage.erp.create_journal(journal(), KEY))
    assert (Kind.INVALID, "period_closed") == (failure.kind, failure.code)
    await stage.open_window("DE01", None, None)
    assert "posted" == (await stage.erp.create_journal(journal(), KEY)).status


async def test_balances_are_of_a_days_end(stage: Any) -> None:
    """Every role that the connection knows, debit positive; what is posted later does not count yet."""
    await stage.erp.create_journal(journal(), KEY)
    late = journal(reference="RR-DE01-2026-12-01", posting_date=date(2026, 12, 1))
    await stage.erp.create_journal(late, KEY)
    found = {one.account_role: one for one in await stage.erp.account_balances("DE01", DAY)}
    roles = {"receivable", "unbilled_receivable", "contract_asset", "contract_liability", "revenue", "tax_payable"}
    assert roles == found.keys()
    assert (euros("1746.00"), euros("-1746.00")) == (found["unbilled_receivable"].balance, found["revenue"].balance)
    assert (euros("0.00"), DAY) == (found["contract_liability"].balance, found["contract_liability"].as_of_date)
    after = {one.account_role: one.balance for one in await stage.erp.account_balances("DE01", date(2026, 12, 1))}
    assert euros("-3492.00") == after["revenue"]


async def test_entries_come_page_by_page(stage: Any) -> None:
    """Following the cursor leads through all entries of a role once, in order, and ends."""
    for place in range(3):
        await stage.erp.create_journal(journal(reference=f"RR-DE01-2026-11-{place}"), KEY)
    documents: list[list[str]] = []
    cursor = None
    while True:
        listing = await stage.erp.ledger_entries("DE01", "revenue", None, cursor, 2)
        documents.append([entry.document_number for entry in listing.items])
        cursor = listing.cursor
        if cursor is None:
            break
    assert [["RR-DE01-2026-11-0", "RR-DE01-2026-11-1"], ["RR-DE01-2026-11-2"]] == documents
    failure = await failure_of(stage.erp.ledger_entries("DE01", "goodwill", None, None, 2))
    assert (Kind.MISSING, "unknown_account_role") == (failure.kind, failure.code)


@pytest.mark.parametrize(
    ("entity", "currency", "rate"), [("DE01", "EUR", "1"), ("DE01", "GBP", "1.161"), ("GB01", "EUR", "0.861326")]
)
async def test_a_rate_holds_from_its_day_on(stage: Any, entity: str, currency: str, rate: str) -> None:
    """Into the entity's own currency, by the newest rate of that day or before it; its own is worth one."""
    found = await stage.erp.exchange_rate(entity, currency, DAY, "revenue")
    assert (rate, currency, "spot") == (found.rate, found.from_currency, found.rate_type)


async def test_no_rate_is_nothing(stage: Any) -> None:
    """Before the first rate, or for a currency without any, there is nothing to guess."""
    assert await stage.erp.exchange_rate("DE01", "CHF", date(2020, 1, 1), "invoice") is None
    assert await stage.erp.exchange_rate("DE01", "JPY", DAY, "invoice") is None


async def test_tax_codes_tell_their_rate(stage: Any) -> None:
    """The percent that belongs to the code, as the firm set it up."""
    rates = {code.code: code.rate_percent for code in await stage.erp.tax_codes("DE01")}
    assert {"VAT19": "19", "VAT7": "7", "EURC": "0", "NOEU": "0"} == rates


async def test_periods_tell_what_may_be_posted_now(stage: Any) -> None:
    """Days of the open window in each period, and for each subledger whether it is open, closed or not open yet."""
    await stage.open_window("DE01", date(2026, 11, 15), date(2026, 12, 31))
    periods = {period.name: period for period in await stage.erp.accounting_periods("DE01")}
    states = {name: {one.state for one in periods[name].subledgers} for name in periods}
    assert [{"closed"}, {"open"}, {"open"}, {"future"}] == [
        states[name] for name in ("October 2026", "November 2026", "December 2026", "January 2027")
    ]
    november = periods["November 2026"]
    assert ["general_ledger", "receivables"] == [one.subledger for one in november.subledgers]
    assert (date(2026, 11, 15), date(2026, 12, 1)) == (november.posting.from_date, november.posting.to_date)
    assert periods["October 2026"].posting is None
