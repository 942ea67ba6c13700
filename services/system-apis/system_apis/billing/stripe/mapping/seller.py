"""Whose documents they are, and how their days are told: Stripe has moments only. Source: docs.stripe.com/api/invoices.

A day is told as its noon in the seller's own zone: whichever zone Stripe prints it in, it is the same day there.
"""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import msgspec

from canonical.moments import business_date


class Seller(msgspec.Struct, frozen=True, kw_only=True):
    """The legal entity of the account. `time_zone` is its own, in which its days begin."""

    legal_entity_code: str
    time_zone: str

    def noon(self, day: date) -> int:
        """Seconds since 1970."""
        return int(datetime.combine(day, time(12), ZoneInfo(self.time_zone)).timestamp())

    def day(self, second: int) -> date:
        return business_date(moment(second), self.time_zone)


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
