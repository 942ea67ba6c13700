"""A SCIM 2.0 service provider as an identity provider. Source: RFC 7643 and RFC 7644. Reads only."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from canonical.people import IdentityAccount
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.identity.scim.errors import FILTER_REFUSALS, failure_of
from system_apis.identity.scim.mapping import changed_at, has_address, to_account, worker_number
from system_apis.identity.scim.records import ENTERPRISE_URN, ListRecord, ProviderRecord, UserRecord
from system_apis.identity.scim.settings import Settings
from system_apis.listing import Listing

_MEDIA_TYPE = {"Accept": "application/scim+json, application/json"}
_NUMBER_PATHS = {"employeeNumber": f"{ENTERPRISE_URN}:employeeNumber", "externalId": "externalId"}
_PLACE = re.compile(r"^(?P<way>filtered|all) (?P<start>\d+)$")
_MOST_PAGES = 1000

T = TypeVar("T")


class BearerToken:
    """A token that lives until somebody revokes it: there is nothing to renew."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    async def refused(self) -> None:
        """Nothing is cached; a second refusal is reported as MISCONFIGURED."""


class Connector:
    """An `Identity`. What a server filters is checked here again: some ignore a filter and give everything."""

    def __init__(self, http: Upstream, settings: Settings, clock: Clock) -> None:
        self._http = http
        self._settings = settings
        self._clock = clock
        self._sorts: bool | None = None  # unknown until the server was asked

    @classmethod
    def connect(cls, name: str, settings: Settings, clock: Clock) -> Self:
        http = Upstream(
            name,
            settings.base_url.rstrip("/") + settings.path.rstrip("/"),
            auth=BearerToken(settings.token),
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
        )
        return cls(http, settings, clock)

    async def account(self, native_id: str) -> IdentityAccount:
        answer = await self._get(f"/Users/{quote(native_id, safe='')}")
        return self._account(_read(answer, UserRecord))

    async def accounts(
        self, changed_since: datetime | None, cursor: str | None, limit: int
    ) -> Listing[IdentityAccount]:
        """Oldest first. Where the server cannot filter by the moment of change all are read, and pages may be short."""
        place = _PLACE.match(cursor or "filtered 1")
        if place is None:
            raise Failure(Kind.MALFORMED, "the cursor is not ours", code="invalid_cursor")
        start, wanted = int(place["start"]), None
        if changed_since is not None and place["way"] == "filtered":
            wanted = f"meta.lastModified ge {_quoted(_stamp(changed_since))}"
        page = await self._page(start, limit, wanted)
        way = "filtered"
        if page is None or place["way"] == "all":
            way = "all"
            page = page or await self._page(start, limit, None)
        if page is None:
            raise Failure(Kind.BAD_UPSTREAM, "the identity provider does not list its accounts")
        users = page.resources or ()
        after = start + len(users)
        return Listing(
            items=tuple(self._account(user) for user in users if _changed_since(user, changed_since)),
            cursor=f"{way} {after}" if users and after <= page.total_results else None,
        )

    async def accounts_of(self, worker_number: str, email: str | None) -> tuple[tuple[IdentityAccount, str], ...]:
        """By number first; by e-mail, as an address or a login, only when nobody carries the number."""
        paths = [_NUMBER_PATHS[field] for field in self._settings.worker_number_in]
        numbered = await self._found(paths, worker_number, lambda user: self._number(user) == worker_number)
        if numbered or email is None:
            return tuple((account, "worker_number") for account in numbered)
        addressed = await self._found(["emails.value", "userName"], email, lambda user: has_address(user, email))
        return tuple((one, "email" if one.worker_number is None else "other_worker") for one in addressed)

    async def check(self) -> None:
        """One small authorised read."""
        _read(await self._get("/Users", startIndex=1, count=1), ListRecord)

    async def close(self) -> None:
        await self._http.aclose()

    async def _found(
        self, paths: list[str], value: str, fits: Callable[[UserRecord], bool]
    ) -> tuple[IdentityAccount, ...]:
        """A query for each path: many servers know `eq` only, and no `or`."""
        users: dict[str, UserRecord] = {}
        for path in paths:
            async for user in self._walk(f"{path} eq {_quoted(value)}"):
                if fits(user):
                    users[user.id] = user
        return tuple(self._account(user) for user in users.values())

    async def _walk(self, wanted: str | None) -> AsyncIterator[UserRecord]:
        """Every page; a server may give fewer records than asked for, so the place moves by what came."""
        start = 1
        for _ in range(_MOST_PAGES):
            page = await self._page(start, self._settings.page_size, wanted)
            if page is None:
                start, wanted = 1, None
                continue
            users = page.resources or ()
            for user in users:
                yield user
            start += len(users)
            if not users or start > page.total_results:
                return
        raise Failure(Kind.BAD_UPSTREAM, "the identity provider lists more accounts than can be searched")

    async def _page(self, start: int, count: int, wanted: str | None) -> ListRecord | None:
        """None where the server refuses the filter."""
        params: dict[str, Any] = {"startIndex": start, "count": count, "filter": wanted}
        # Only a stable order keeps records from being passed over between two pages.
        if await self._can_sort():
            params |= {"sortBy": "meta.created", "sortOrder": "ascending"}
        answer = await self._get("/Users", **params)
        if wanted is not None and answer.status_code in FILTER_REFUSALS:
            return None
        return _read(answer, ListRecord)

    async def _can_sort(self) -> bool:
        if self._sorts is None:
            answer = await self._get("/ServiceProviderConfig")
            told = answer.status_code not in {403, 404, 501}  # some servers keep it to themselves
            self._sorts = told and _read(answer, ProviderRecord).sort.supported
        return self._sorts

    async def _get(self, path: str, **params: Any) -> httpx.Response:
        return await self._http.send("GET", path, params=params, headers=_MEDIA_TYPE)

    def _account(self, user: UserRecord) -> IdentityAccount:
        return to_account(user, self._settings.worker_number_in, self._clock.now())

    def _number(self, user: UserRecord) -> str | None:
        return worker_number(user, self._settings.worker_number_in)


def _changed_since(user: UserRecord, since: datetime | None) -> bool:
    """What keeps no moment of change may have changed."""
    changed = changed_at(user)
    return since is None or changed is None or changed >= since


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _quoted(value: str) -> str:
    """A text in a filter is a JSON text."""
    return msgspec.json.encode(value).decode()


def _read(answer: httpx.Response, wanted: type[T]) -> T:
    if not answer.is_success:
        raise failure_of(answer)
    try:
        return msgspec.json.decode(answer.content, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = "the identity provider answered what its contract does not allow"
        raise Failure(Kind.BAD_UPSTREAM, detail, vendor_detail=str(error)) from error
