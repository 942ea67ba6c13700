"""A business day is an entity's or a worker's, never UTC's; a day begins where somebody is."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.moments import Moment, business_date, start_of

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo"]
)


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-11-23T22:59:59Z", "Europe/Berlin", "2026-11-23"),  # winter: UTC+1
        ("2026-11-23T23:00:00Z", "Europe/Berlin", "2026-11-24"),
        ("2026-07-01T21:59:59Z", "Europe/Berlin", "2026-07-01"),  # summer: UTC+2
        ("2026-07-01T22:00:00Z", "Europe/Berlin", "2026-07-02"),
        ("2026-11-24T04:59:59Z", "America/New_York", "2026-11-23"),
        ("2026-11-24T05:00:00Z", "America/New_York", "2026-11-24"),
        ("2026-11-23T18:30:00Z", "Asia/Kolkata", "2026-11-24"),  # UTC+5:30
        ("2026-11-23T11:00:00Z", "Pacific/Auckland", "2026-11-24"),  # UTC+13 in its summer
        ("2026-11-23T09:00:00Z", "UTC", "2026-11-23"),
    ],
)
def test_the_day_of_a_moment_is_the_day_there(moment: str, zone: str, day: str) -> None:
    """Midnight is where the entity is, summer time included."""
    assert date.fromisoformat(day) == business_date(datetime.fromisoformat(moment), zone)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-10-25T00:30:00Z", "2026-10-25"),  # 02:30 in summer time
        ("2026-10-25T01:30:00Z", "2026-10-25"),  # 02:30 again, in winter time
        ("2026-10-25T22:30:00Z", "2026-10-25"),  # the 25th hour of the day
        ("2026-10-25T23:00:00Z", "2026-10-26"),
        ("2026-03-29T21:59:59Z", "2026-03-29"),  # a day of 23 hours
        ("2026-03-29T22:00:00Z", "2026-03-30"),
    ],
)
def test_the_days_on_which_clocks_are_moved_are_whole_days(moment: str, day: str) -> None:
    """The last Sunday of October has 25 hours in Berlin, the last of March 23."""
    assert date.fromisoformat(day) == business_date(datetime.fromisoformat(moment), "Europe/Berlin")


def test_the_zone_a_moment_is_written_in_does_not_matter() -> None:
    """The same moment has the same day."""
    moment = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert date(2026, 11, 24) == business_date(moment, "Europe/Berlin")
    assert date(2026, 11, 24) == business_date(moment.astimezone(ZoneInfo("America/New_York")), "Europe/Berlin")
    assert date(2026, 11, 24) == business_date(moment.astimezone(timezone(timedelta(hours=-11))), "Europe/Berlin")


def test_a_naive_moment_has_no_day() -> None:
    """Nobody knows which day it is without a zone."""
    with pytest.raises(ValueError, match="without a zone"):
        business_date(datetime(2026, 11, 23, 9), "UTC")  # noqa: DTZ001  naive on purpose
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'"2026-11-23T09:00:00"', type=Moment)


def test_an_unknown_zone_is_an_error() -> None:
    """A zone that is not in the IANA list is never taken for UTC."""
    with pytest.raises(ZoneInfoNotFoundError):
        business_date(datetime(2026, 11, 23, tzinfo=UTC), "Europe/Atlantis")


@pytest.mark.parametrize(
    ("day", "zone", "moment"),
    [
        ("2026-11-23", "Europe/Berlin", "2026-11-22T23:00:00Z"),
        ("2026-07-01", "Europe/Berlin", "2026-06-30T22:00:00Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z"),
        ("2026-03-30", "Europe/Berlin", "2026-03-29T22:00:00Z"),
        ("2026-10-26", "Europe/Berlin", "2026-10-25T23:00:00Z"),
        ("2026-11-23", "America/New_York", "2026-11-23T05:00:00Z"),
        ("2026-11-23", "Asia/Kolkata", "2026-11-22T18:30:00Z"),
    ],
)
def test_a_day_starts_at_its_own_midnight(day: str, zone: str, moment: str) -> None:
    """The start of a day is a moment in UTC, with the offset that holds at that midnight."""
    started = start_of(date.fromisoformat(day), zone)
    assert datetime.fromisoformat(moment) == started
    assert UTC == started.tzinfo


@given(day=st.dates(min_value=date(2000, 1, 1), max_value=date(2035, 12, 31)), zone=ZONES)
def test_a_day_holds_its_own_start(day: date, zone: str) -> None:
    """The moment at which a day starts is in that day, and the second before it is not."""
    started = start_of(day, zone)
    assert day == business_date(started, zone)
    assert day > business_date(started - timedelta(seconds=1), zone)


@given(
    moment=st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001  hypothesis wants naive bounds
        max_value=datetime(2035, 12, 31),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    zone=ZONES,
)
def test_every_moment_lies_between_the_start_of_its_day_and_of_the_next(moment: datetime, zone: str) -> None:
    """Days follow each other without gap or overlap."""
    day = business_date(moment, zone)
    assert start_of(day, zone) <= moment < start_of(day + timedelta(days=1), zone)
