"""The tenant's four surfaces as calls: WQL, reports, REST pages and the transaction log. Source: README.md's list."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

import httpx
import msgspec

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.hr.workday import transaction_log
from system_apis.hr.workday.errors import failure_of, fault_failure, report_failure, unreadable
from system_apis.hr.workday.session import Session, basic
from system_apis.hr.workday.settings import Settings

Row = dict[str, Any]

REST_PAGE = 100  # more is refused
PROMPT_VALUES = 100  # of a report in one call: a request line has room for some 8 000 characters


class _Rows(msgspec.Struct, frozen=True, kw_only=True):
    """`total` counts all rows, not only those of the page."""

    data: list[Row] = []
    total: int = 0


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    entries: list[Row] | Row = msgspec.field(name="Report_Entry", default_factory=list)


class Tenant:
    """One tenant. Owns the upstreams to it: one with our token, and one for the integration user's own name."""

    def __init__(
        self, session: Session, with_token: Upstream, plain: Upstream, settings: Settings, clock: Clock
    ) -> None:
        self._session = session
        self._with_token = with_token
        self._plain = plain
        self._settings = settings
        self._clock = clock

    @classmethod
    def connect(cls, name: str, settings: Settings, clock: Clock) -> Self:
        """Opens nothing yet. The limit on calls at a time is kept for both upstreams together."""

        def upstream(of: str, **options: Any) -> Upstream:
            return Upstream(of, settings.base_url, timeout_s=settings.timeout_s, **options)

        session = Session(upstream(f"{name} login"), settings, clock)
        with_token = upstream(name, auth=session, concurrency=max(1, settings.concurrency - 1))
        return cls(session, with_token, upstream(f"{name} user", concurrency=1), settings, clock)

    async def query(self, wql: str, *, limit: int, offset: int = 0) -> tuple[list[Row], int]:
        """Rows of a query, and how many there are in all. Fields that are empty, or hidden, are not in a row."""
        path = f"/ccx/api/wql/v1/{self._settings.tenant}/data"
        response = await self._with_token.send(
            "POST", path, params={"limit": limit, "offset": offset}, json={"query": wql}, idempotent=True
        )
        rows = _decoded(response, _Rows)
        return rows.data, rows.total

    async def report(self, name: str, wids: Sequence[str]) -> list[Row]:
        """The report's rows for these workers; it has no pages, so it is asked for in slices."""
        slices = [wids[start : start + PROMPT_VALUES] for start in range(0, len(wids), PROMPT_VALUES)]
        return [row for rows in await asyncio.gather(*(self._slice(name, part) for part in slices)) for row in rows]

    async def resource(self, path: str, params: Row) -> list[Row]:
        """All entries below a worker of the absence API, page after page."""
        settings, rows = self._settings, list[Row]()
        whole = f"/ccx/api/absenceManagement/{settings.absence_version}/{settings.tenant}{path}"
        while True:
            paging = {"limit": REST_PAGE, "offset": len(rows)}
            page = _decoded(await self._with_token.send("GET", whole, params=params | paging), _Rows)
            rows += page.data
            if not page.data or len(rows) >= page.total:
                return rows

    async def changed(self, since: datetime, place: transaction_log.Place, count: int) -> transaction_log.Found:
        """A page of the workers whom the log names in the place's window."""
        settings = self._settings
        content = transaction_log.envelope(
            since,
            place,
            count=count,
            as_of_day=(place.through + timedelta(days=settings.horizon_days)).date(),
            user=f"{settings.username}@{settings.tenant}",
            password=settings.password.reveal(),
            version=settings.soap_version,
        )
        path = f"/ccx/service/{settings.tenant}/Human_Resources/{settings.soap_version}"
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        response = await self._plain.send("POST", path, content=content, headers=headers, idempotent=True)
        if not response.is_success:
            raise fault_failure(response)
        return transaction_log.found(response.content)

    async def close(self) -> None:
        await self._with_token.aclose()
        await self._plain.aclose()
        await self._session.close()

    async def _slice(self, name: str, wids: Sequence[str]) -> list[Row]:
        settings = self._settings
        owner = settings.report_owner or settings.username
        path = f"/ccx/service/customreport2/{settings.tenant}/{quote(owner, safe='')}/{quote(name, safe='')}"
        params = {"format": "json", "Worker!WID": "!".join(wids)}
        if settings.report_sign_in == "password":
            headers = {"Authorization": basic(settings.username, settings.password.reveal())}
            response = await self._plain.send("GET", path, params=params, headers=headers)
        else:
            response = await self._with_token.send("GET", path, params=params)
        if not response.is_success:
            raise report_failure(response)
        entries = _decoded(response, _Report).entries
        return [entries] if isinstance(entries, dict) else entries


def _decoded(response: httpx.Response, wanted: type[Any]) -> Any:
    if not response.is_success:
        raise failure_of(response)
    try:
        return msgspec.json.decode(response.content, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable("not the JSON that was asked for") from error


def text_literal(text: str) -> str:
    """A text as WQL's literal. Raises MISSING for one that no id looks like."""
    if "'" in text or "\\" in text or not text.isprintable():
        raise Failure(Kind.MISSING, "HR has no such record")
    return f"'{text}'"
