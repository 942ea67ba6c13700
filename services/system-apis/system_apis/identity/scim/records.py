"""SCIM messages as the wire has them. Source: RFC 7643 section 4, RFC 7644 sections 3.4.2 and 3.12.

Tolerant where servers differ: null for absent, booleans as text (Entra), a status as a number (Okta).
"""

from datetime import datetime

import msgspec

ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class NameRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    formatted: str | None = None
    given_name: str | None = None
    family_name: str | None = None


class EmailRecord(msgspec.Struct, frozen=True, kw_only=True):
    value: str | None = None
    type: str | None = None
    primary: bool | str | None = None


class EnterpriseRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    employee_number: str | None = None


class MetaRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    created: datetime | None = None
    last_modified: datetime | None = None


class UserRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A user. A deactivated one has `active` false and everything else as before."""

    id: str
    user_name: str
    external_id: str | None = None
    display_name: str | None = None
    name: NameRecord | None = None
    active: bool | str | None = None
    emails: tuple[EmailRecord, ...] | None = None
    meta: MetaRecord | None = None
    enterprise: EnterpriseRecord | None = msgspec.field(default=None, name=ENTERPRISE_URN)


class ListRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page. `total_results` counts all; `resources` may be missing where there are none."""

    total_results: int
    resources: tuple[UserRecord, ...] | None = msgspec.field(default=None, name="Resources")


class SupportRecord(msgspec.Struct, frozen=True, kw_only=True):
    supported: bool = False


class ProviderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What of the ServiceProviderConfig is asked for."""

    sort: SupportRecord = SupportRecord()


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    detail: str | None = None
    scim_type: str | None = None
