"""What the routes of every capability share: common parameters and headers, and what any question may end in."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.params import HeaderParameter, QueryParameter

from canonical.moments import Moment
from servicekit.encoded import Encoded
from servicekit.etags import encoded, etag_of, unchanged
from servicekit.failures import Kind
from servicekit.spans import moment_within

T = TypeVar("T", bound=msgspec.Struct)

CONNECTION = r"^[a-z][a-z0-9-]{1,40}$"
ConnectionParameter = Annotated[str, QueryParameter(pattern=CONNECTION, description="The bound platform instance.")]
ChangedSince = Annotated[
    Moment | None, QueryParameter(description="Only what changed at this moment or later; RFC 3339 with a zone.")
]
Cursor = Annotated[str | None, QueryParameter(description="`next` of the page before.", min_length=1)]
Limit = Annotated[int, QueryParameter(ge=1, le=200)]
Key = Annotated[
    str, HeaderParameter(name="Idempotency-Key", min_length=8, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")
]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match")]

ETAG = ResponseHeader(name="ETag", documentation_only=True)
LOCATION = ResponseHeader(name="Location", documentation_only=True)

# What any question to a platform may end in, and any write.
PLATFORM = (Kind.MISSING, Kind.THROTTLED, Kind.MISCONFIGURED, Kind.BAD_UPSTREAM, Kind.UNAVAILABLE, Kind.TIMED_OUT)
WRITING = (*PLATFORM, Kind.CONFLICT, Kind.BUSY, Kind.INVALID, Kind.IN_DOUBT)


def tagged(record: T, if_none_match: str | None) -> Response[T]:
    """The record with its entity tag, or 304 for a caller that holds this very representation."""
    content = encoded(record)  # what the tag is made of is sent as it is: encoding it again costs as much as the tag
    tag = etag_of(content)
    if unchanged(if_none_match, tag):
        nothing: Response[Any] = Response(None, status_code=304, headers={"ETag": tag})
        return nothing
    return Encoded(content, tag)


def zoned(updated_after: datetime | None) -> datetime | None:
    """The moment in UTC, within what platforms can reckon with. Raises MALFORMED for one without a zone."""
    return None if updated_after is None else moment_within(updated_after, "updated_after")
