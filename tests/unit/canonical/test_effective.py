"""Half-open ranges of days, and which of several dated records holds: the last word known at the time."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.effective import DateRange, as_of

FIRST = date(2026, 1, 1)


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """A dated record."""

    name: str
    effective: DateRange
    recorded_at: datetime


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def span(start: int, end: int | None = None) -> DateRange:
    return DateRange(from_date=day(start), to_date=None if end is None else day(end))


def at(number: int) -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)


def grade(name: str, effective: DateRange, recorded: int) -> Grade:
    return Grade(name=name, effective=effective, recorded_at=at(recorded))


@st.composite
def spans(draw: st.DrawFn) -> DateRange:
    """Ranges that hold at least one day; some are open."""
    start = draw(st.integers(0, 30))
    length = draw(st.none() | st.integers(1, 30))
    return span(start, None if length is None else start + length)


def days_of(held: DateRange) -> set[date]:
    """All its days, up to one far beyond every end that is drawn."""
    return {day(number) for number in range(90) if held.holds(day(number))}


@pytest.mark.parametrize(("number", "held"), [(-1, False), (0, True), (9, True), (10, False), (11, False)])
def test_a_range_holds_its_first_day_and_not_its_last(number: int, held: bool) -> None:
    """From included, to excluded."""
    assert held is span(0, 10).holds(day(number))


def test_a_range_without_an_end_holds_until_further_notice() -> None:
    """No end means no end, not the end of time."""
    assert span(0).holds(date.max)
    assert not span(0).holds(day(-1))


def test_a_range_that_ends_on_its_first_day_holds_nothing() -> None:
    """An empty range is allowed: something that was undone on the day it began."""
    assert set() == days_of(span(5, 5))


def test_a_range_does_not_end_before_it_starts() -> None:
    """Dates that were mixed up are an error where they are made and where they are read."""
    with pytest.raises(ValueError, match="ends on or after"):
        span(5, 4)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"from_date": "2026-01-05", "to_date": "2026-01-04"}, DateRange)


@given(one=spans(), other=spans())
def test_covering_is_holding_every_day(one: DateRange, other: DateRange) -> None:
    """One range covers another exactly when it holds all of its days."""
    assert (days_of(other) <= days_of(one)) is one.covers(other)


@given(one=spans(), other=spans())
def test_overlapping_is_sharing_a_day(one: DateRange, other: DateRange) -> None:
    """Two ranges overlap exactly when some day is in both, whichever is asked."""
    assert bool(days_of(one) & days_of(other)) is one.overlaps(other)
    assert one.overlaps(other) is other.overlaps(one)


@given(held=spans())
def test_a_range_covers_and_overlaps_itself(held: DateRange) -> None:
    """Every range is within itself."""
    assert held.covers(held)
    assert held.overlaps(held)


def test_ranges_that_meet_do_not_overlap() -> None:
    """One ends on the day the next one starts: that day is the next one's alone."""
    assert not span(0, 10).overlaps(span(10, 20))
    assert not span(10).overlaps(span(0, 10))
    assert span(0, 11).overlaps(span(10, 20))


def test_an_end_is_never_covered_by_what_ends_and_open_by_what_is_open_only() -> None:
    """Until further notice is longer than any date."""
    assert not span(0, 10_000).covers(span(0))
    assert span(0).covers(span(0))
    assert span(0).covers(span(3, 10_000))


def test_the_record_of_a_day_is_the_one_whose_range_holds_it() -> None:
    """Of records that follow each other, each holds in its time; before the first, none does."""
    junior, senior = grade("junior", span(0, 10), 0), grade("senior", span(10), 5)
    assert [None, junior, junior, senior, senior] == [
        as_of([senior, junior], day(number)) for number in (-1, 0, 9, 10, 500)
    ]


def test_a_correction_wins_over_what_it_corrects() -> None:
    """Of several that hold on a day, the one written down last is true, in whatever order they are given."""
    wrong, right = grade("G4", span(0), 0), grade("G5", span(0), 3)
    assert right == as_of([wrong, right], day(1))
    assert right == as_of([right, wrong], day(1))


def test_what_was_known_then_is_not_what_is_known_now() -> None:
    """A correction that was written down later is not seen by somebody who asks with the knowledge of before."""
    wrong, right = grade("G4", span(0), 0), grade("G5", span(0), 3)
    assert wrong == as_of([wrong, right], day(1), known_at=at(2))
    assert right == as_of([wrong, right], day(1), known_at=at(3))
    assert None is as_of([wrong, right], day(1), known_at=at(-1))


def test_a_correction_of_a_part_leaves_the_rest() -> None:
    """Only the days it speaks about are corrected."""
    whole, part = grade("G4", span(0), 0), grade("G5", span(5, 8), 3)
    assert ["G4", "G5", "G5", "G4"] == [
        found.name for number in (4, 5, 7, 8) if (found := as_of([whole, part], day(number)))
    ]


def test_nothing_holds_where_nothing_is_written() -> None:
    """No record is an answer: none."""
    assert None is as_of([], FIRST)
