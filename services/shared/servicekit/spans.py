"""Days and moments as callers write them, brought inside the span that clocks, stores and platforms reckon with.

The year 1 cannot be moved back by a day, nor 9999 forward, and some platforms refuse what was before 1700. Nothing of
a firm's is that old or that far away, so the nearest day that can be reckoned with asks for the same.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from servicekit.failures import Failure, FieldError, Kind

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9999, 12, 30)
_FIRST = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
_LAST = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC)


def day_within(day: date) -> date:
    """The day, or the nearest one within the span."""
    return min(max(day, FIRST_DAY), LAST_DAY)


def moment_within(moment: datetime, parameter: str) -> datetime:
    """The moment in UTC, or the nearest one within the span.

    Raises MALFORMED for one without a zone, which the framework lets pass in a query.
    """
    if moment.tzinfo is None:
        error = FieldError(pointer=f"query:{parameter}", code="invalid", message="A moment needs its zone, such as Z.")
        raise Failure(Kind.MALFORMED, "A parameter is not valid; see errors.", "invalid_parameter", (error,))
    if moment <= _FIRST:
        return _FIRST
    return _LAST if moment >= _LAST else moment.astimezone(UTC)
