"""Moments and days. A moment is aware and in UTC; a business day is an entity's or a worker's, never UTC's."""

from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC", examples=["2026-11-23T09:15:00Z"])]
TimeZone = Annotated[str, Meta(description="IANA time zone", examples=["Europe/Berlin"])]


def business_date(moment: datetime, time_zone: str) -> date:
    """The calendar day of a moment where the entity or worker is. Raises ValueError for a naive moment."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone has no day")
    return moment.astimezone(ZoneInfo(time_zone)).date()


def start_of(day: date, time_zone: str) -> datetime:
    """The moment, in UTC, at which the day begins there."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
