"""Salesforce as a `Crm`. Source: REST API Developer Guide v67.0, "Query"; SOQL and SOQL Reference.

Only reads: every read is a SOQL query, so that a record comes with its owner, and a contract with its children.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

import httpx
import structlog

from canonical.sales import Contract, Customer, Opportunity
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.crm.salesforce import mapping
from system_apis.crm.salesforce.errors import DAILY_WAIT_S, failure_of
from system_apis.crm.salesforce.feed import ChangeFeed
from system_apis.crm.salesforce.quota import Quota
from system_apis.crm.salesforce.rows import Columns, Record
from system_apis.crm.salesforce.session import Session
from system_apis.crm.salesforce.settings import Settings
from system_apis.listing import Hint, Listing

_HISTORY = "(SELECT StageName, CreatedDate FROM OpportunityHistories ORDER BY CreatedDate, Id)"
_log = structlog.get_logger(__name__)


class Connector:
    """One organisation. Owns its session, and an upstream to wherever Salesforce says that the data is."""

    def __init__(self, name: str, settings: Settings, session: Session, clock: Clock) -> None:
        self._name = name
        self._settings = settings
        self._session = session
        self._quota = Quota(settings.quota_percent, clock)
        self._won_stages: frozenset[str] = frozenset()
        self._data: tuple[str, Upstream] | None = None

    @classmethod
    def connect(cls, name: str, settings: Settings, clock: Clock) -> Self:
        """Opens nothing yet: the first call signs in."""
        login = Upstream(f"{name} login", settings.login_url, timeout_s=settings.timeout_s)
        return cls(name, settings, Session(login, settings, clock), clock)

    async def opportunity(self, native_id: str) -> Opportunity:
        columns = mapping.opportunity_columns(self._settings)
        return await self._told(await self._one("Opportunity", native_id, columns, [_HISTORY]))

    async def opportunities(
        self, changed_since: datetime | None, cursor: str | None, limit: int
    ) -> Listing[Opportunity]:
        """By SystemModstamp and id: a bulk change gives many records one stamp, so the stamp alone is no place.

        A record that cannot be told of, such as a deal without an account, is left out with a line in the log.
        """
        if self._quota.is_low():
            raise Failure(Kind.THROTTLED, "the CRM's calls of the day are nearly used up", retry_after_s=DAILY_WAIT_S)
        columns = mapping.opportunity_columns(self._settings)
        asked = ", ".join([*mapping.asked(columns, self._settings), _HISTORY])
        where = _changed(changed_since, cursor)
        query = f"SELECT {asked} FROM Opportunity{where} ORDER BY SystemModstamp, Id LIMIT {limit + 1}"
        records = await self._all(query)
        page = records[:limit]
        last = page[-1] if len(records) > limit else None
        found = [await self._readable(record) for record in page]
        items = tuple(opportunity for opportunity in found if opportunity is not None)
        return Listing(items=items, cursor=None if last is None else f"{last['SystemModstamp']}|{last['Id']}")

    async def customer(self, native_id: str) -> Customer:
        columns = mapping.customer_columns(self._settings)
        return mapping.to_customer(await self._one("Account", native_id, columns), self._settings)

    async def contract(self, native_id: str) -> Contract:
        """With its milestones and roles, and the lines of the deals under it that were not lost."""
        settings = self._settings
        children = [
            _subquery(settings.milestone.relationship, mapping.milestone_columns(settings), settings.milestone.key),
            _subquery(settings.role.relationship, mapping.role_columns(settings), settings.role.key),
        ]
        record = await self._one("Contract", native_id, mapping.contract_columns(settings), children)
        asked = ", ".join(mapping.line_columns(settings).values())
        lines = await self._all(
            f"SELECT {asked} FROM OpportunityLineItem"
            f" WHERE Opportunity.ContractId = {quoted(native_id)}"
            " AND (Opportunity.IsClosed = false OR Opportunity.IsWon = true) ORDER BY SortOrder, Id"
        )
        milestones = await self._rows(record.get(settings.milestone.relationship) or {})
        roles = await self._rows(record.get(settings.role.relationship) or {})
        return mapping.to_contract(record, lines, milestones, roles, settings)

    def changes(self) -> AsyncIterator[Hint]:
        return ChangeFeed(self._session, self._feed_upstream, self._settings).hints()

    async def check(self) -> None:
        """Signs in and asks for every field that we use: one that is gone or hidden is MISCONFIGURED."""
        settings = self._settings
        for source, columns in (
            ("Opportunity", mapping.opportunity_columns(settings)),
            ("Account", mapping.customer_columns(settings)),
            ("Contract", mapping.contract_columns(settings)),
        ):
            asked = ", ".join(mapping.asked(columns, settings))
            await self._all(f"SELECT {asked} FROM {source} LIMIT 1")

    async def close(self) -> None:
        if self._data is not None:
            await self._data[1].aclose()
        await self._session.close()

    async def _readable(self, record: Record) -> Opportunity | None:
        try:
            return await self._told(record)
        except Failure as failure:
            if failure.code != "record_incomplete":
                raise
            _log.warning("opportunity_left_out", native_id=record.get("Id"), reason=failure.detail)
            return None

    async def _told(self, record: Record) -> Opportunity:
        won_at = None
        if record.get("IsWon"):
            history = await self._rows(record.get("OpportunityHistories") or {})
            won_at = mapping.won_since(record, history, await self._known_won_stages(str(record.get("StageName"))))
        return mapping.to_opportunity(record, self._settings, won_at)

    async def _known_won_stages(self, stage: str) -> frozenset[str]:
        """Which stages are won; asked for again when a won deal is in one that we do not know."""
        if stage not in self._won_stages:
            found = await self._all("SELECT ApiName, MasterLabel FROM OpportunityStage WHERE IsWon = true")
            names = {str(entry[column]) for entry in found for column in ("ApiName", "MasterLabel")}
            self._won_stages = frozenset(names | {stage})
        return self._won_stages

    async def _one(self, source: str, native_id: str, columns: Columns, children: list[str] | None = None) -> Record:
        asked = ", ".join([*mapping.asked(columns, self._settings), *(children or [])])
        found = await self._all(f"SELECT {asked} FROM {source} WHERE Id = {quoted(native_id)}")
        if not found:
            raise Failure(Kind.MISSING, "the CRM has no such record")
        return found[0]

    async def _all(self, query: str) -> list[Record]:
        response = await self._get(f"/services/data/v{self._settings.api_version}/query", {"q": query})
        return await self._rows(response)

    async def _rows(self, page: Record) -> list[Record]:
        """All records of a result, following its pages: Salesforce may send fewer at a time than were asked for."""
        rows: list[Record] = list(page.get("records") or [])
        while not page.get("done", True):
            page = await self._get(str(page["nextRecordsUrl"]), None)
            rows += page.get("records") or []
        return rows

    async def _get(self, path: str, params: dict[str, str] | None) -> Record:
        upstream = await self._upstream()
        response = await upstream.send("GET", path, params=params, headers={"Accept": "application/json"})
        self._quota.note(response.headers.get("sforce-limit-info", ""))
        if not response.is_success:
            raise failure_of(response)
        return _decoded(response)

    async def _upstream(self) -> Upstream:
        """To the host of the present session; another one after the organisation has moved."""
        url = await self._session.instance_url()
        if self._data is None or self._data[0] != url:
            former, self._data = self._data, (url, self._made(self._name, url, self._settings.timeout_s))
            if former is not None:
                await former[1].aclose()
        return self._data[1]

    def _feed_upstream(self, url: str) -> Upstream:
        return self._made(f"{self._name} feed", url, self._settings.feed_hold_s)

    def _made(self, name: str, url: str, timeout_s: float) -> Upstream:
        concurrency = self._settings.concurrency
        return Upstream(name, url, auth=self._session, concurrency=concurrency, timeout_s=timeout_s)


def quoted(text: str) -> str:
    """A text as SOQL's literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _subquery(relationship: str, columns: Columns, order: str) -> str:
    return f"(SELECT {', '.join(columns.values())} FROM {relationship} ORDER BY {order})"


def _changed(changed_since: datetime | None, cursor: str | None) -> str:
    """The condition on the stamp. Stamps are whole seconds: a moment within one begins with it, to leave none out."""
    if cursor is not None:
        stamp, _, last_id = cursor.partition("|")
        try:
            moment = _literal(datetime.fromisoformat(stamp))
        except ValueError as error:
            raise Failure(Kind.MALFORMED, "the cursor cannot be read", code="invalid_cursor") from error
        return f" WHERE SystemModstamp > {moment} OR (SystemModstamp = {moment} AND Id > {quoted(last_id)})"
    return "" if changed_since is None else f" WHERE SystemModstamp >= {_literal(changed_since)}"


def _literal(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _decoded(response: httpx.Response) -> Record:
    """Numbers as Decimal: the standard library's parser is the one that can keep them exact in untyped JSON."""
    try:
        body: Any = json.loads(response.content, parse_float=Decimal)
    except ValueError as error:
        raise Failure(Kind.BAD_UPSTREAM, "the CRM answered what cannot be read") from error
    if not isinstance(body, dict):
        raise Failure(Kind.BAD_UPSTREAM, "the CRM answered what cannot be read")
    return body
