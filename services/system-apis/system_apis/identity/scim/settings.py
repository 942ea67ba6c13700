"""What a connection to a SCIM 2.0 service provider needs. One connection is one tenant of an identity provider."""

from typing import Annotated, Literal

import msgspec

from servicekit.settings import Secret

NumberField = Literal["employeeNumber", "externalId"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields without a default are required."""

    base_url: str  # scheme and host
    token: Secret  # a bearer token that the provider's administrator hands out; it does not renew itself
    path: str = "/scim/v2"  # where the SCIM endpoints are below base_url; Entra's own server has /rp/scim
    # Where the worker number stands; the first that is filled counts. Without externalId where that is something else,
    # such as the id of the provider's own user behind the account.
    worker_number_in: Annotated[tuple[NumberField, ...], msgspec.Meta(min_length=1)] = ("employeeNumber", "externalId")
    page_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100  # asked for in searches; a server may give fewer
    timeout_s: float = 10.0  # of one call with its repetitions
    concurrency: int = 4
