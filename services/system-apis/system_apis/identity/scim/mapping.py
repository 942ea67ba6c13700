"""A SCIM user as an identity account. Source: RFC 7643 section 4."""

from collections.abc import Iterable
from datetime import UTC, datetime

from canonical.people import IdentityAccount
from system_apis.identity.scim.records import EmailRecord, UserRecord
from system_apis.identity.scim.settings import NumberField


def to_account(user: UserRecord, number_in: Iterable[NumberField], read_at: datetime) -> IdentityAccount:
    """`worker_id` holds the native id: the directory knows the worker that it is linked to, if any.

    `read_at` stands in for the moment of change where a server keeps none: then every reading counts as news.
    """
    return IdentityAccount(
        id=user.id,
        worker_id=user.id,
        worker_number=worker_number(user, number_in),
        login=user.user_name,
        name=full_name(user),
        email=email(user),
        active=is_true(user.active, absent=True),
        updated_at=changed_at(user) or read_at,
    )


def worker_number(user: UserRecord, number_in: Iterable[NumberField]) -> str | None:
    """The first number that is filled; spaces around it are no part of it."""
    return next((number for field in number_in if (number := _number(user, field).strip())), None)


def full_name(user: UserRecord) -> str:
    """As the account shows it, else the parts of the name; an account without any is called by its login."""
    name = user.name
    parts = () if name is None else (name.given_name, name.family_name)
    told = None if name is None else name.formatted
    return user.display_name or told or " ".join(part for part in parts if part) or user.user_name


def email(user: UserRecord) -> str | None:
    """The primary address, else the work address, else the first."""
    filled = [one for one in user.emails or () if one.value]
    best = sorted(filled, key=lambda one: (not is_true(one.primary), (one.type or "").casefold() != "work"))
    return best[0].value if best else None


def has_address(user: UserRecord, address: str) -> bool:
    """Whether the address is one of the user's, or what they sign in with; case says nothing."""
    known = {_folded(one) for one in user.emails or ()} | {user.user_name.casefold()}
    return address.casefold() in known


def changed_at(user: UserRecord) -> datetime | None:
    meta = user.meta
    moment = None if meta is None else meta.last_modified or meta.created
    if moment is None:
        return None
    # The standard demands a zone; servers that leave it out mean UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def is_true(value: bool | str | None, *, absent: bool = False) -> bool:
    """Entra's old dialect writes booleans as text."""
    if isinstance(value, str):
        return value.casefold() == "true"
    return absent if value is None else value


def _number(user: UserRecord, field: NumberField) -> str:
    if field == "externalId":
        return user.external_id or ""
    return (user.enterprise.employee_number or "") if user.enterprise else ""


def _folded(one: EmailRecord) -> str:
    return (one.value or "").casefold()
