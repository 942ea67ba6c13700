"""Reading a whole account page by page while people work in it (page section 4).

Kantata has no cursor, and its offset slides when a record before it stops fitting the filter, as entries do that are
billed meanwhile. So a page begins at the moment at which the last record read was made, and passes over what it knows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from system_apis.psa.kantata.api import PER_PAGE

# "After" is taken as exclusive: nothing tells. Where it is not, records come twice, and none is missed.
_JUST_BEFORE = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_MOST_KNOWN = 20  # ids in a cursor: of more records of one second, which a mass import makes, it counts how many

Row = tuple[str, datetime]  # a record's id, and when it was made


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a sweep has come: to a second, of which it knows these records, or has read so many.

    With `group` it has come to the records that another one tells of, such as the entries of changed timesheets, and
    says how many of those others are done.
    """

    made_at: datetime | None = None
    known: tuple[str, ...] = ()
    read: int = 0
    group: int | None = None

    def window(self) -> dict[str, str]:
        """The filter and order of the next page."""
        after = {} if self.made_at is None else {"created_after": (self.made_at - _JUST_BEFORE).isoformat()}
        return {"order": "created_at:asc", **after}

    def size(self, limit: int) -> int:
        """How many records to ask for, so that `limit` new ones may be among them."""
        return min(limit + len(self.known), PER_PAGE)

    def taken(self, rows: Sequence[Row], limit: int, count: int) -> "tuple[list[str], Place | None]":
        """The ids of the new records of a page, at most `limit`, and the place behind them; none behind the last.

        `count` is how many records fit this page's filter in all.
        """
        fresh = [place for place, (row_id, _) in enumerate(rows) if row_id not in self.known][:limit]
        end = fresh[-1] + 1 if len(fresh) == limit else len(rows)
        ids = [rows[place][0] for place in fresh]
        if self.read + end >= count or not end:
            return ids, None
        last = rows[end - 1][1]
        same = [row_id for row_id, made_at in rows[:end] if made_at == last]
        before = self.read if last == self.made_at else 0
        if before == 0 and len(same) <= _MOST_KNOWN:
            return ids, Place(made_at=last, known=tuple(same), group=self.group)
        return ids, Place(made_at=last, read=before + len(same), group=self.group)


def place_of(cursor: str | None) -> Place:
    return Place() if cursor is None else msgspec.json.decode(cursor, type=Place)


def cursor_of(place: Place | None) -> str | None:
    return None if place is None else msgspec.json.encode(place).decode()


def since(moment: datetime) -> str:
    """For `updated_after`: a second earlier, for Kantata shows whole seconds and "after" may not include the moment."""
    return (moment - _SECOND).isoformat()
