"""Requests to Stripe's API v1: forms out, records in, refusals as failures. Source: docs.stripe.com/api."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.billing.stripe.errors import failure_of
from system_apis.billing.stripe.settings import StripeSettings

T = TypeVar("T")

MAX_PAGE = 100  # docs.stripe.com/api/pagination: limit is 1 to 100


class PageRecord(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A list or a search result; a search has a token for its next page."""

    data: list[T]
    has_more: bool
    next_page: str | None = None


class Wire:
    """One account of Stripe. Reads are repeated by the upstream; a write with a key never is."""

    def __init__(self, http: Upstream, settings: StripeSettings) -> None:
        self._http = http
        self._headers = {
            "Authorization": f"Bearer {settings.api_key.reveal()}",
            "Stripe-Version": settings.api_version,
        }
        if settings.stripe_account is not None:
            self._headers["Stripe-Account"] = settings.stripe_account

    async def get(self, path: str, wanted: type[T], **params: Any) -> T:
        """A record, or a page of them. Raises MISSING, UNAVAILABLE, THROTTLED, MISCONFIGURED, BAD_UPSTREAM."""
        query = dict(_pairs(params))
        response = await self._http.send("GET", path, params=query or None, headers=self._headers)
        return _read(response, wanted, repeatable=True)

    async def all(self, path: str, of: type[T], **params: Any) -> AsyncIterator[T]:
        """Every record of a list, newest first, page by page. The records have an `id`."""
        last: Any = None
        more = True
        while more:
            after = {} if last is None else {"starting_after": last.id}
            page = await self.get(path, PageRecord[of], limit=MAX_PAGE, **after, **params)  # type: ignore[valid-type]
            for last in page.data:
                yield last
            more = page.has_more and bool(page.data)

    async def create(self, path: str, fields: Mapping[str, Any], wanted: type[T], *, key: str, part: str) -> T:
        """A new record. The vendor replays its first answer for a day to the same key and form.

        The vendor's key is made of ours, the part and the form: a refusal is remembered under a key as well, so that
        a corrected form must not come under the same one. Raises IN_DOUBT when nobody knows whether it arrived.
        """
        body = form(fields)
        headers = self._headers | {"Idempotency-Key": f"{key}:{part}:{hashlib.sha256(body).hexdigest()[:16]}"}
        return await self._post(path, body, wanted, headers, repeatable=False)

    async def change(self, path: str, fields: Mapping[str, Any], wanted: type[T]) -> T:
        """A record set to a state; doing it twice changes nothing more, so it may be repeated."""
        return await self._post(path, form(fields), wanted, self._headers, repeatable=True)

    async def remove(self, path: str) -> None:
        """No record any more; one that is gone already is no error."""
        response = await self._http.send("DELETE", path, headers=self._headers)
        if not response.is_success:
            failure = failure_of(response, repeatable=True)
            if failure.kind is not Kind.MISSING:
                raise failure

    async def close(self) -> None:
        await self._http.aclose()

    async def _post(
        self, path: str, body: bytes, wanted: type[T], headers: Mapping[str, str], *, repeatable: bool
    ) -> T:
        typed = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        response = await self._http.send("POST", path, content=body, headers=typed, idempotent=repeatable)
        return _read(response, wanted, repeatable=repeatable)


def place(collection: str, record_id: str) -> str:
    """The address of a record. Raises MISSING for an id that would lead elsewhere: no record has one."""
    if "/" in record_id or record_id in {"", ".", ".."}:
        raise Failure(Kind.MISSING, "the billing platform has no such record")
    return f"/v1/{collection}/{quote(record_id, safe='')}"


def form(fields: Mapping[str, Any]) -> bytes:
    """Nested values as `a[b]=c` and `a[0]=b`; booleans as words; what is None is left out."""
    return urlencode(list(_pairs(fields))).encode()


def _pairs(fields: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        full = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, Mapping):
            pairs += _pairs(value, full)
        elif isinstance(value, list | tuple):
            pairs += _pairs(dict(enumerate(value)), full)  # type: ignore[arg-type]
        elif isinstance(value, bool):
            pairs.append((full, "true" if value else "false"))
        elif value is not None:
            pairs.append((full, str(value)))
    return pairs


def _read(response: httpx.Response, wanted: type[T], *, repeatable: bool) -> T:
    if not response.is_success:
        raise failure_of(response, repeatable=repeatable)
    try:
        return msgspec.json.decode(response.content, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = "the billing platform answered what its contract does not allow"
        raise Failure(Kind.BAD_UPSTREAM, detail, vendor_detail=str(error)) from error
