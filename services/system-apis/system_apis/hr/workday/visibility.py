"""What HR lets us see: Workday hides fields without a word, so every reading carries workers who are known to have all.

A column that arrives for nobody, not even for them, is hidden from us: the reading fails MISCONFIGURED instead of
telling of empty values.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import structlog

from servicekit.failures import Failure, Kind
from system_apis.hr.workday.settings import Settings
from system_apis.hr.workday.tenant import Tenant, text_literal

Row = dict[str, Any]

_log = structlog.get_logger(__name__)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Something that rows come from, by the name that people know, and the columns that we use of it."""

    name: str
    columns: tuple[str, ...]


class KnownWorkers:
    """The WIDs of the workers whom the settings name as known, looked up once."""

    def __init__(self, tenant: Tenant, settings: Settings) -> None:
        self._tenant = tenant
        self._settings = settings
        self._wids: tuple[str, ...] = ()

    async def wids(self) -> tuple[str, ...]:
        """Raises MISCONFIGURED `hr_field_hidden` where HR does not show all of them."""
        if not self._wids:
            names, numbers = self._settings.workers, self._settings.known_workers
            wanted = ", ".join(text_literal(number) for number in numbers)
            query = f"SELECT {names.wid}, {names.number} FROM {names.source} WHERE {names.number} IN ({wanted})"
            rows, _ = await self._tenant.query(query, limit=2 * len(numbers))
            found = {str(row.get(names.number)): str(row.get(names.wid)) for row in rows if row.get(names.wid)}
            gone = sorted(set(numbers) - found.keys())
            if gone:
                detail = f"HR shows us no worker {', '.join(gone)}, whom the settings name as known"
                raise Failure(Kind.MISCONFIGURED, detail, code="hr_field_hidden")
            self._wids = tuple(found[number] for number in numbers)
        return self._wids

    def forget(self) -> None:
        self._wids = ()


def missing_columns(source: Source, rows: Iterable[Row]) -> list[str]:
    """The columns that are empty in every row."""
    seen = {name for row in rows for name, value in row.items() if value not in (None, "", [])}
    return [name for name in source.columns if name not in seen]


def require_whole(source: Source, rows: Iterable[Row]) -> None:
    """Passes when each column arrives in some row; the known workers' rows are among them.

    Raises MISCONFIGURED `hr_field_hidden` naming the columns that do not.
    """
    hidden = missing_columns(source, rows)
    if hidden:
        _log.error("hr_fields_hidden", source=source.name, fields=hidden)
        detail = f"HR hides from us, in {source.name}: {', '.join(hidden)}"
        raise Failure(Kind.MISCONFIGURED, detail, code="hr_field_hidden")
