"""A page of a collection: an object with `items` and the cursor of the next page, never a bare array."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """`next` is opaque and absent on the last page."""

    items: tuple[T, ...]
    next: str | None = None
