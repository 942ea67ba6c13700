"""Reads a record of a query's answer by our own names: every organisation spells its fields in its own way."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from servicekit.failures import Failure, FieldError, Kind

Record = Mapping[str, Any]
Columns = dict[str, str]  # our name -> Salesforce's path, such as `Owner.Email`

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_PATTERNS = {
    "currency": re.compile(r"[A-Z]{3}"),
    "country": re.compile(r"[A-Z]{2}"),
    "legal_entity_code": re.compile(r"[A-Z][A-Z0-9]{1,9}"),
}


class Row:
    """One record of a query's answer, read by our own names."""

    def __init__(self, record: Record, columns: Columns, words: Mapping[str, str]) -> None:
        self._record = record
        self._columns = columns
        self._words = words

    def value(self, name: str) -> Any:
        """None where the field, or a parent on the way to it, is empty, or the column was not asked for."""
        found: Any = self._record
        for step in self._columns.get(name, "").split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found

    def text(self, name: str) -> str:
        """Empty for null."""
        return str(self.value(name) or "")

    def some_text(self, name: str) -> str | None:
        return self.text(name) or None

    def flag(self, name: str) -> bool:
        return self.value(name) is True

    def number(self, name: str) -> Decimal | None:
        found = self.value(name)
        return None if found is None else Decimal(str(found))

    def whole(self, name: str) -> int | None:
        found = self.number(name)
        return None if found is None else int(found.to_integral_value())

    def day(self, name: str) -> date | None:
        found = self.some_text(name)
        return None if found is None else date.fromisoformat(found)

    def moment(self, name: str) -> datetime | None:
        found = self.some_text(name)
        return None if found is None else datetime.fromisoformat(found).astimezone(UTC)

    def word(self, name: str) -> str | None:
        """A picklist's value as ours: as the settings say, or in lower_snake_case."""
        found = self.some_text(name)
        if found is None:
            return None
        return self._words.get(found) or _NOT_A_WORD.sub("_", found.lower()).strip("_")

    def words(self, name: str) -> tuple[str, ...]:
        """A multi-select picklist's values, as they are."""
        return tuple(part for part in self.text(name).split(";") if part)

    def require(self, what: str, *names: str) -> None:
        """Fails INVALID `record_incomplete`, with every required field that is empty or not of its form."""
        wrong = [error for name in names if (error := self._wrong(name)) is not None]
        if wrong:
            listed = ", ".join(error.pointer.removeprefix("/") for error in wrong)
            detail = f"the {what} in the CRM is not complete: {listed}"
            raise Failure(Kind.INVALID, detail, code="record_incomplete", errors=tuple(wrong))

    def _wrong(self, name: str) -> FieldError | None:
        found = self.value(name)
        if found is None or found == "":
            return FieldError(pointer=f"/{name}", code="required", message="This is empty in the CRM.")
        pattern = _PATTERNS.get(name)
        if pattern is not None and not pattern.fullmatch(str(found)):
            return FieldError(pointer=f"/{name}", code="invalid", message="This has not the form of a code.")
        return None
