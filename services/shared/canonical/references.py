"""What several entities share: the systems' own ids, and where and when a value was read."""

from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.moments import Moment

ConnectionName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9-]{1,40}$(?!\n)", description="a bound platform instance", examples=["erp-main"])
]
LegalEntityCode = Annotated[
    str,
    Meta(pattern=r"^[A-Z][A-Z0-9]{1,9}$(?!\n)", description="the firm's own code of a legal entity", examples=["DE01"]),
]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", max_length=2, description="ISO 3166-1 alpha-2", examples=["DE"])]
ShortText = Annotated[str, Meta(min_length=1, max_length=200)]
Code = Annotated[str, Meta(min_length=1, max_length=40)]


class ExternalId(msgspec.Struct, frozen=True, kw_only=True):
    """A record's id in one platform. A customer has several: one per ERP company, one per currency in billing."""

    connection: ConnectionName
    kind: str
    id: str
    legal_entity_code: str | None = None
    currency: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Which connection a shown value came from, and the moment it was read there."""

    connection: ConnectionName
    as_of: Moment
