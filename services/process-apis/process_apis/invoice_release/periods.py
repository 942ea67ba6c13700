"""Days: the periods of a retainer, the entity's own today, and the day on which the ledger takes a posting."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from canonical.ledger import AccountingPeriod, LegalEntity
from servicekit.failures import Failure, Kind

_MONTHS = re.compile(r"P(?P<months>[0-9]{1,2})M")


class PostingDay(msgspec.Struct, frozen=True, kw_only=True):
    """When a document is posted; `moved` says why, where that is not the document's own day."""

    day: date
    moved: str | None


def today_of(entity: LegalEntity, now: datetime) -> date:
    """The entity's local date: UTC never decides a period (B35)."""
    return now.astimezone(ZoneInfo(entity.time_zone)).date()


def periods_begun(start: date, end: date, period: str, cut_off: date) -> list[tuple[date, date]]:
    """The agreement's periods that begin before *cut_off*, each from its first day to the next one's (half-open)."""
    match = _MONTHS.fullmatch(period)
    if match is None or int(match["months"]) == 0:
        raise Failure(Kind.INVALID, f"{period} is no period of whole months", code="contract_inconsistent")
    found, place = [], 0
    while (begins := _months_after(start, place * int(match["months"]))) < min(end, cut_off):
        place += 1
        found.append((begins, min(_months_after(start, place * int(match["months"])), end)))
    return found


def posting_day(periods: Sequence[AccountingPeriod], wanted: date) -> PostingDay:
    """The day itself while its period takes postings, else the first day of the next that does: never silently.

    Raises INVALID `period_closed` where no later period is open either. Nothing is ever reopened.
    """
    opened = sorted((period.posting for period in periods if period.posting is not None), key=lambda one: one.from_date)
    if any(window.holds(wanted) for window in opened):
        return PostingDay(day=wanted, moved=None)
    later = next((window for window in opened if window.from_date > wanted), None)
    if later is None:
        raise Failure(Kind.INVALID, f"no open period takes a posting of {wanted} or later", code="period_closed")
    closed = next((period.name for period in periods if period.effective.holds(wanted)), str(wanted))
    return PostingDay(
        day=later.from_date, moved=f"{closed} takes no postings; {later.from_date} is the next day that does"
    )


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
