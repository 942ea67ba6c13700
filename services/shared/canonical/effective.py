"""Effective dating, once: half-open ranges of days, and which of several dated records holds on a day."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol, TypeVar

import msgspec


class DateRange(msgspec.Struct, frozen=True, kw_only=True):
    """From `from_date` (included) to `to_date` (excluded); no `to_date` means until further notice."""

    from_date: date
    to_date: date | None = None

    def __post_init__(self) -> None:
        if self.to_date is not None and self.to_date < self.from_date:
            raise ValueError("a range ends on or after the day it starts")

    def holds(self, day: date) -> bool:
        return self.from_date <= day and (self.to_date is None or day < self.to_date)

    def covers(self, other: "DateRange") -> bool:
        """Whether every day of `other` lies in this range."""
        if other.from_date < self.from_date:
            return False
        return self.to_date is None or (other.to_date is not None and other.to_date <= self.to_date)

    def overlaps(self, other: "DateRange") -> bool:
        starts_before_other_ends = other.to_date is None or self.from_date < other.to_date
        return starts_before_other_ends and (self.to_date is None or other.from_date < self.to_date)


class Dated(Protocol):
    """A record with a range of validity and the moment at which it was written down."""

    @property
    def effective(self) -> DateRange: ...
    @property
    def recorded_at(self) -> datetime: ...


D = TypeVar("D", bound=Dated)


def as_of(records: Sequence[D], day: date, known_at: datetime | None = None) -> D | None:
    """The record that holds on `day`: of several, the one recorded last (a correction wins over what it corrects).

    `known_at` looks with the knowledge of that moment: records written down later are not seen.
    """
    known = [record for record in records if known_at is None or record.recorded_at <= known_at]
    holding = [record for record in known if record.effective.holds(day)]
    return max(holding, key=lambda record: record.recorded_at, default=None)
