"""Business Central's OData: pages, records, conditional writes. Source: API v2.0 reference, connect-apps-tips.

Reads never ask for the read-only replica (`Data-Access-Intent`): it lags behind what was just written.
"""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.erp.business_central.errors import failure_of
from system_apis.erp.business_central.records import Collection

T = TypeVar("T")

PAGE_SIZE = 500
MOST_PAGE_SIZE = 20_000  # rows of a page, where they are small and many
MOST_PAGES = 1000  # a nextLink that leads in circles must not keep us for ever
# Error texts follow Accept-Language, and errors.py reads English; some refusals come as XML unless JSON is wished for.
_HEADERS = {"Accept": "application/json", "Accept-Language": "en-US"}


def literal(text: str) -> str:
    """*text* as a string of OData's filter language: quotes are doubled."""
    return "'" + text.replace("'", "''") + "'"


def any_of(field: str, values: tuple[str, ...]) -> str:
    """A filter for several values of one field; OR over two fields is not supported."""
    return " or ".join(f"{field} eq {literal(value)}" for value in values)


class WebService:
    """One API of an environment. Raises Failures as errors.py has them, BAD_UPSTREAM for what cannot be read."""

    def __init__(self, http: Upstream, root: str) -> None:
        self._http = http
        self._root = root

    async def record(self, path: str, returns: type[T], **options: str) -> T:
        return _decoded(await self._get(self._address(path, options)), returns)

    async def records(
        self, path: str, returns: type[T], *, page_size: int = PAGE_SIZE, **options: str
    ) -> tuple[T, ...]:
        """All of a collection. *options* are OData's without their dollar sign."""
        found: list[T] = []
        link: str | None = self._address(path, options)
        for _ in range(MOST_PAGES):
            if link is None:
                return tuple(found)
            page = _decoded(await self._get(link, page_size), Collection[returns])  # type: ignore[valid-type]
            found.extend(page.value)
            link = page.next_link
        raise Failure(Kind.BAD_UPSTREAM, "the ERP's listing has no end")

    async def page(
        self, path: str, returns: type[T], *, cursor: str | None, limit: int, **options: str
    ) -> tuple[tuple[T, ...], str | None]:
        """One page and the cursor of the next: the vendor's own link, without its host."""
        link = self._address(path, options) if cursor is None else cursor
        page = _decoded(await self._get(link, limit), Collection[returns])  # type: ignore[valid-type]
        # Path and query of the link: the host is known, and no business of a cursor.
        following = None if page.next_link is None else httpx.URL(page.next_link).raw_path.decode("ascii")
        return page.value, following

    async def create(self, path: str, body: Mapping[str, Any], returns: type[T]) -> T:
        answer = await self._http.send("POST", f"{self._root}/{path}", json=body, headers=_HEADERS)
        if not answer.is_success:
            raise failure_of(answer, wrote=True)
        return _written(answer, returns)

    async def change(self, path: str, etag: str, body: Mapping[str, Any], returns: type[T]) -> T:
        """Only what was read as *etag* is changed, so that repeating it is safe. CONFLICT when it is that no more."""
        headers = _HEADERS | {"If-Match": etag}
        answer = await self._http.send("PATCH", f"{self._root}/{path}", json=body, headers=headers, idempotent=True)
        if not answer.is_success:
            raise failure_of(answer, wrote=True)
        return _written(answer, returns)

    async def act(self, path: str) -> None:
        """A bound action, which has no body and no answer; it takes no If-Match, and may not be repeated blindly."""
        answer = await self._http.send("POST", f"{self._root}/{path}", headers=_HEADERS)
        if not answer.is_success:
            raise failure_of(answer, wrote=True)

    async def remove(self, path: str, etag: str) -> None:
        """Only what was read as *etag*, or whatever it is now for `*`. What is gone already is no error."""
        headers = _HEADERS | {"If-Match": etag}
        answer = await self._http.send("DELETE", f"{self._root}/{path}", headers=headers)
        if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
            raise failure_of(answer, wrote=True)

    async def _get(self, link: str, page_size: int | None = None) -> httpx.Response:
        headers = _HEADERS | ({"Prefer": f"odata.maxpagesize={page_size}"} if page_size else {})
        answer = await self._http.send("GET", link, headers=headers)
        if not answer.is_success:
            raise failure_of(answer, wrote=False)
        return answer

    def _address(self, path: str, options: Mapping[str, str]) -> str:
        query = urlencode({f"${name}": value for name, value in options.items()}, quote_via=quote, safe="$'(),")
        return f"{self._root}/{path}" + (f"?{query}" if query else "")


def _decoded(answer: httpx.Response, returns: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=returns)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = "the ERP answered what cannot be read"
        raise Failure(Kind.BAD_UPSTREAM, detail, vendor_detail=str(error)) from error


def _written(answer: httpx.Response, returns: type[T]) -> T:
    """A success that cannot be read leaves the write in doubt, not undone."""
    try:
        return _decoded(answer, returns)
    except Failure as failure:
        detail = "the ERP wrote something, but its answer cannot be read"
        raise Failure(Kind.IN_DOUBT, detail, vendor_detail=failure.vendor_detail) from failure
