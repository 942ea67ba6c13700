"""Record ids and moments as Salesforce writes them. Source: "Working with Records", 15 and 18 character ids."""

import re
from datetime import UTC, datetime

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-5A-Za-z]{3})?", re.ASCII)
_INSTANCE = "SL0"


def record_id(prefix: str, number: int) -> str:
    """The 18 character id of a type's n-th record."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return full_id(f"{prefix}{_INSTANCE}{digits:0>9}")


def full_id(short: str) -> str:
    """The 18 characters for 15: each of the last three tells which of five characters are capitals."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")
        suffix += _CHECK[bits]
    return short + suffix


def normal_id(given: str) -> str | None:
    """The 18 characters of an id of either length; None for what is no id."""
    return full_id(given[:15]) if _ID.fullmatch(given) else None


def stamp(moment: datetime) -> str:
    """A moment as the REST API writes it: whole seconds, and no colon in the offset."""
    return moment.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def moment_of(text: str) -> datetime:
    """A moment as Salesforce takes it. Raises ValueError for one without an offset."""
    moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text))
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset")
    return moment.astimezone(UTC)
