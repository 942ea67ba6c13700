"""Reading a whole account page by page while people work in it (page section 4).

Kantata has no cursor, and its offset slides when a record before it stops fitting the filter, as entries do that are
billed meanwhile. So a page begins at the moment at which the last record read was made, and counts from there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

# "After" is taken as exclusive: nothing tells. Where it is not, records come twice, and none is missed.
_JUST_BEFORE = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a sweep has come. `made_at` is the last record's moment, `read` how many of that moment were read.

    With `group` it has come to the records that another one tells of, such as the entries of changed timesheets, and
    says how many of those others are done.
    """

    made_at: datetime | None = None
    read: int = 0
    group: int | None = None

    def window(self) -> dict[str, str]:
        """The filter and order of the next page."""
        after = {} if self.made_at is None else {"created_after": (self.made_at - _JUST_BEFORE).isoformat()}
        return {"order": "created_at:asc", **after}

    def after(self, made_at: Sequence[datetime], count: int) -> "Place | None":
        """The place behind a page whose records were made at these moments; none behind the last page.

        `count` is how many records fit this page's filter in all.
        """
        if not made_at or self.read + len(made_at) >= count:
            return None
        last = made_at[-1]
        before = self.read if last == self.made_at else 0
        return Place(made_at=last, read=before + sum(one == last for one in made_at), group=self.group)


def place_of(cursor: str | None) -> Place:
    return Place() if cursor is None else msgspec.json.decode(cursor, type=Place)


def cursor_of(place: Place | None) -> str | None:
    return None if place is None else msgspec.json.encode(place).decode()


def since(moment: datetime) -> str:
    """For `updated_after`: a second earlier, for Kantata shows whole seconds and "after" may not include the moment."""
    return (moment - _SECOND).isoformat()
