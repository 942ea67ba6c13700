"""Days that decide: a retainer's periods, the entity's own today, the day on which the ledger takes a posting."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sold import ENTITY
from worked import period

from canonical.effective import DateRange
from process_apis.invoice_release.periods import PostingDay, periods_begun, posting_day, today_of
from servicekit.failures import Failure, Kind

START, END = date(2027, 1, 1), date(2028, 1, 1)
DECEMBER = period("2026-12", date(2026, 12, 1), START, None)
JANUARY = period("2027-01", START, date(2027, 2, 1), DateRange(from_date=START, to_date=date(2027, 2, 1)))
NARROW = DateRange(from_date=date(2027, 2, 10), to_date=date(2027, 2, 20))
FEBRUARY = period("2027-02", date(2027, 2, 1), date(2027, 3, 1), NARROW)


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Europe/Berlin", datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        ("Europe/Berlin", datetime(2026, 12, 31, 23, 0, tzinfo=UTC), START),
        ("America/New_York", datetime(2027, 1, 1, 4, 59, tzinfo=UTC), date(2026, 12, 31)),
        ("Asia/Tokyo", datetime(2026, 12, 31, 15, 0, tzinfo=UTC), START),
    ],
)
def test_the_entity_has_its_own_today(zone: str, moment: datetime, day: date) -> None:
    """Its local date decides the period, never the moment in UTC (B35)."""
    assert day == today_of(replace(ENTITY, time_zone=zone), moment)


def test_a_period_counts_when_it_has_begun() -> None:
    """It is billed in advance, on its first day: the cut-off lies after that day."""
    january, february = (START, date(2027, 2, 1)), (date(2027, 2, 1), date(2027, 3, 1))
    assert [] == periods_begun(START, END, "P1M", START)
    assert [january] == periods_begun(START, END, "P1M", date(2027, 1, 2))
    assert [january] == periods_begun(START, END, "P1M", date(2027, 2, 1))
    assert [january, february] == periods_begun(START, END, "P1M", date(2027, 2, 2))


def test_no_period_begins_after_the_agreement_ends() -> None:
    """The last one ends with it, however long it would have been."""
    wanted = [(START, date(2027, 4, 1)), (date(2027, 4, 1), date(2027, 5, 15))]
    assert wanted == periods_begun(START, date(2027, 5, 15), "P3M", date(2030, 1, 1))
    assert 12 == len(periods_begun(START, END, "P1M", date(2030, 1, 1)))
    assert [(START, END)] == periods_begun(START, END, "P12M", date(2030, 1, 1))


@pytest.mark.parametrize(
    ("start", "begins"),
    [
        (date(2027, 1, 31), [(1, 31), (2, 28), (3, 31), (4, 30), (5, 31)]),
        (date(2028, 1, 31), [(1, 31), (2, 29), (3, 31), (4, 30), (5, 31)]),  # a leap year
        (date(2027, 1, 30), [(1, 30), (2, 28), (3, 30), (4, 30), (5, 30)]),
        (date(2028, 1, 29), [(1, 29), (2, 29), (3, 29), (4, 29), (5, 29)]),
    ],
)
def test_a_period_that_starts_late_in_a_month_keeps_its_day(start: date, begins: list[tuple[int, int]]) -> None:
    """A short month has its last day; the months after it have the first period's day again."""
    found = periods_begun(start, date(start.year, 6, 15), "P1M", date(start.year, 6, 15))
    assert begins == [(first.month, first.day) for first, _ in found]


def test_a_year_from_the_29th_of_february_ends_on_the_28th() -> None:
    """There is no other day."""
    leap = date(2028, 2, 29)
    assert [(leap, date(2029, 2, 28))] == periods_begun(leap, date(2030, 1, 1), "P12M", date(2028, 12, 1))


@pytest.mark.parametrize("said", ["P0M", "P1Y", "P30D", "1M", "P1M1D", "", "PM", "P100M"])
def test_a_period_is_of_whole_months(said: str) -> None:
    """Anything else is a contract that cannot be billed by period."""
    with pytest.raises(Failure) as caught:
        periods_begun(START, END, said, END)
    assert (Kind.INVALID, "contract_inconsistent") == (caught.value.kind, caught.value.code)


@given(
    start=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    days=st.integers(1, 2000),
    months=st.integers(1, 24),
    cut_off=st.dates(date(2020, 1, 1), date(2036, 1, 1)),
)
def test_periods_follow_on_each_other(start: date, days: int, months: int, cut_off: date) -> None:
    """No day of the agreement is in two of them, or in none."""
    end = date.fromordinal(start.toordinal() + days)
    found = periods_begun(start, end, f"P{months}M", cut_off)
    assert (cut_off > start) == bool(found)
    for (begins, ends), (follows, _) in pairwise(found):
        assert begins < ends == follows
    if found:
        assert start == found[0][0]
        assert found[-1][1] >= min(cut_off, end)
        assert all(begins < min(cut_off, end) for begins, _ in found)


def test_a_day_whose_period_is_open_is_kept() -> None:
    """The posting date is the document's own."""
    assert PostingDay(day=date(2027, 1, 31), moved=None) == posting_day((DECEMBER, JANUARY), date(2027, 1, 31))


def test_a_closed_period_moves_the_posting_to_the_next_that_is_open_and_says_so() -> None:
    """Never silently, never back."""
    moved = "2026-12 takes no postings; 2027-01-01 is the next day that does"
    assert PostingDay(day=START, moved=moved) == posting_day((FEBRUARY, DECEMBER, JANUARY), date(2026, 12, 31))


@pytest.mark.parametrize("wanted", [date(2027, 2, 1), date(2027, 2, 9)])
def test_a_window_may_be_no_whole_period(wanted: date) -> None:
    """The first day on which the ledger takes postings, though the period began before."""
    moved = "2027-02 takes no postings; 2027-02-10 is the next day that does"
    assert PostingDay(day=date(2027, 2, 10), moved=moved) == posting_day((JANUARY, FEBRUARY), wanted)
    assert PostingDay(day=date(2027, 2, 19), moved=None) == posting_day((JANUARY, FEBRUARY), date(2027, 2, 19))


def test_a_day_of_no_known_period_is_named_itself() -> None:
    """What the calendar does not know has no other name."""
    moved = "2026-06-30 takes no postings; 2027-01-01 is the next day that does"
    assert PostingDay(day=START, moved=moved) == posting_day((JANUARY,), date(2026, 6, 30))


@pytest.mark.parametrize("wanted", [date(2027, 2, 20), date(2027, 3, 1)])
def test_where_no_later_period_is_open_nothing_is_posted(wanted: date) -> None:
    """Nothing is reopened, and no earlier day is taken."""
    with pytest.raises(Failure) as caught:
        posting_day((DECEMBER, JANUARY, FEBRUARY), wanted)
    assert (Kind.INVALID, "period_closed") == (caught.value.kind, caught.value.code)
    assert f"no open period takes a posting of {wanted} or later" == caught.value.detail
