"""Days and moments at the end of the calendar are brought inside what can be reckoned with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.failures import Failure, Kind
from servicekit.spans import FIRST_DAY, LAST_DAY, day_within, moment_within

EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))


@pytest.mark.parametrize(
    ("day", "within"),
    [
        (date(1, 1, 1), FIRST_DAY),
        (date(1969, 12, 31), FIRST_DAY),
        (date(2026, 11, 23), date(2026, 11, 23)),
        (date(9999, 12, 31), LAST_DAY),
    ],
)
def test_a_day_is_the_nearest_that_can_be_reckoned_with(day: date, within: date) -> None:
    """A day earlier and a day later there are still days."""
    assert within == day_within(day)
    assert within - timedelta(days=1) < within < within + timedelta(days=1)


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        (datetime(1, 1, 1, tzinfo=EAST), datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime(2026, 11, 23, 14, tzinfo=EAST), datetime(2026, 11, 23, tzinfo=UTC)),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=WEST), datetime(9999, 12, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_the_nearest_in_utc(moment: datetime, within: datetime) -> None:
    """Whatever its zone, and though UTC has no such year."""
    assert (within, UTC) == (moment_within(moment, "since"), moment_within(moment, "since").tzinfo)


@given(st.datetimes(timezones=st.sampled_from([UTC, EAST, WEST])))
def test_every_moment_can_be_reckoned_with(moment: datetime) -> None:
    """A month may be taken off it and added to it, in any zone."""
    within = moment_within(moment, "since")
    assert (within - timedelta(days=30)).astimezone(WEST) < within < (within + timedelta(hours=9)).astimezone(EAST)


def test_a_moment_without_a_zone_is_malformed() -> None:
    """Nobody can say when that was; the problem names the parameter."""
    with pytest.raises(Failure) as refused:
        moment_within(datetime(2026, 1, 1), "since")  # noqa: DTZ001  the mistake that is looked for
    assert (Kind.MALFORMED, "invalid_parameter") == (refused.value.kind, refused.value.code)
    assert ["query:since"] == [error.pointer for error in refused.value.errors]
