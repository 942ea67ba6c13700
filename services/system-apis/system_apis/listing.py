"""A page as a connector reads it: the records and the vendor's own cursor."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Listing(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """`cursor` is the vendor's; absent on the last page. Routes sign it before a caller sees it."""

    items: tuple[T, ...]
    cursor: str | None = None


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """Something changed at the vendor: which kind of record, and its native id. Never trusted, always re-read."""

    kind: str
    native_id: str
