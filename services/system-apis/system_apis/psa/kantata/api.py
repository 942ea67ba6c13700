"""Kantata's way of speaking: wrapped bodies, envelopes, includes, pages, external references. API v1 over JSON."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.psa.kantata.errors import failure_of
from system_apis.psa.kantata.records import Envelope

PER_PAGE = 200  # Kantata's own limit
_MOST_PAGES = 100

Parameters = Mapping[str, str]
Attributes = Mapping[str, Any]


class AccessToken:
    """A token that lives until somebody revokes it: there is nothing to renew."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    async def refused(self) -> None:
        """Nothing is cached; a second refusal is reported as MISCONFIGURED."""


class Api:
    """The calls. Raises the failures of errors.py and those of Upstream."""

    def __init__(self, http: Upstream) -> None:
        self._http = http

    async def close(self) -> None:
        await self._http.aclose()

    async def one(self, kind: str, record_id: str, include: str, **parameters: str) -> Envelope:
        """Raises MISSING also for what a default filter hides."""
        path = f"/{kind}/{quote(record_id, safe='')}"
        return _read(await self._http.send("GET", _path(path), params={"include": include, **parameters}))

    async def window(self, kind: str, include: str, offset: int, limit: int, **parameters: str) -> Envelope:
        """`limit` records after `offset`."""
        params = {"include": include, "limit": limit, "offset": offset, **parameters}
        return _read(await self._http.send("GET", _path(f"/{kind}"), params=params))

    async def all(self, kind: str, include: str, **parameters: str) -> Envelope:
        """Every page as one envelope. Raises BAD_UPSTREAM for more than 20,000 records: such a list needs a window."""
        found: list[Envelope] = []
        for page in range(1, _MOST_PAGES + 1):
            params = {"include": include, "per_page": PER_PAGE, "page": page, **parameters}
            found.append(_read(await self._http.send("GET", _path(f"/{kind}"), params=params)))
            if page >= found[-1].meta.page_count:
                return _joined(found)
        raise Failure(Kind.BAD_UPSTREAM, "the PSA lists more records than can be read at once")

    async def create(self, kind: str, singular: str, attributes: Attributes, include: str) -> Envelope:
        """Raises IN_DOUBT when nobody knows whether the record was created."""
        response = await self._http.send(
            "POST", _path(f"/{kind}"), params={"include": include}, json={singular: attributes}, idempotent=False
        )
        return _read(response, repeatable=False)

    async def update(self, kind: str, singular: str, record_id: str, attributes: Attributes, include: str) -> Envelope:
        """Attributes that are not sent keep their values; sending the same again changes nothing."""
        path = f"/{kind}/{quote(record_id, safe='')}"
        return _read(
            await self._http.send("PUT", _path(path), params={"include": include}, json={singular: attributes})
        )

    async def act(self, kind: str, record_id: str, verb: str, include: str) -> Envelope:
        """What has a route of its own, such as cancelling. Once done it is refused, also when an answer was lost."""
        path = _path(f"/{kind}/{quote(record_id, safe='')}/{verb}")
        return _read(await self._http.send("PUT", path, params={"include": include}, json={}))

    async def refer(self, subject_type: str, subject_id: str, reference: Mapping[str, str]) -> None:
        """Set the external reference of that service name: an upsert, safe to repeat."""
        searchable(reference)
        body = {"external_reference": {"subject_type": subject_type, "subject_id": subject_id, **reference}}
        path = _path("/external_references/create_or_update")
        _read(await self._http.send("POST", path, json=body, idempotent=True))

    async def referenced(self, kind: str, reference: Mapping[str, str], include: str, **parameters: str) -> Envelope:
        """The records that carry exactly this external reference.

        Only `..._refs` takes texts. It is comma-separated: a text with a comma is never searched for, nor written.
        """
        if "," in reference["service_model_ref"]:
            return Envelope(results=())
        filters = {
            "external_reference_service_name": reference["service_name"],
            "external_reference_service_model": reference["service_model"],
            "external_reference_service_model_refs": reference["service_model_ref"],
        }
        return await self.all(kind, include, **filters, **parameters)


def reference(service_name: str, service_model: str, ref: str) -> dict[str, str]:
    return {"service_name": service_name, "service_model": service_model, "service_model_ref": ref}


def searchable(reference: Mapping[str, str]) -> None:
    """Raises INVALID for a reference that could not be searched for again."""
    if "," in reference["service_model_ref"]:
        raise Failure(Kind.INVALID, "the PSA cannot keep a comma here", code="unsupported_character")


def _path(rest: str) -> str:
    return f"/api/v1{rest}"


def _read(response: httpx.Response, *, repeatable: bool = True) -> Envelope:
    if not response.is_success:
        raise failure_of(response, repeatable=repeatable)
    try:
        return msgspec.json.decode(response.content, type=Envelope)
    except msgspec.DecodeError as error:
        detail = "the PSA answered what its contract does not allow"
        raise Failure(Kind.BAD_UPSTREAM, detail, vendor_detail=str(error)) from error


def _joined(pages: list[Envelope]) -> Envelope:
    """Rows shift while one pages: a record that came twice counts once."""
    if len(pages) == 1:
        return pages[0]
    results = tuple({(row.key, row.id): row for page in pages for row in page.results}.values())
    maps: dict[str, Any] = {
        name: {key: value for page in pages for key, value in getattr(page, name).items()}
        for name in Envelope.__struct_fields__
        if name not in {"results", "meta"}
    }
    return Envelope(results=results, meta=pages[-1].meta, **maps)
