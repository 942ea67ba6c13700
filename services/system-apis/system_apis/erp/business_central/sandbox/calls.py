"""A request as the pages see it, and the OData answers that show records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from system_apis.erp.business_central.sandbox.addresses import Address
from system_apis.erp.business_central.sandbox.books import Books, etag
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.queries import page, parse_query, represented
from system_apis.erp.business_central.sandbox.refusals import bad_request, no_token, stale
from system_apis.erp.business_central.sandbox.shapes import Entity

JSON = "application/json; odata.metadata=minimal; odata.streaming=true"


@dataclass(frozen=True)
class Call:
    """A request, alone or inside a batch."""

    method: str
    address: Address
    options: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, UnicodeDecodeError) as error:
            raise bad_request("Invalid Request Body") from error

    def require_current(self, row: Row) -> None:
        """Raises Refusal 400 or 409 for an If-Match that is missing, ill-formed or stale."""
        given = self.headers.get("if-match", "")
        if given != "*" and not given.startswith('W/"'):
            raise no_token()
        if given not in {"*", etag(row)}:
            raise stale()


class Representation:
    """Records as answers: one of them, or a page."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def page(self, call: Call, entity: Entity, rows: list[Row]) -> Response:
        query = parse_query(call.options, entity)
        path = call.address.path()
        body = page(
            query,
            rows,
            self._books,
            context=f"{call.address.root}/$metadata#{path}",
            url=f"{call.address.root}/{path}",
            options=call.options,
            prefer=call.headers.get("prefer", ""),
        )
        return JSONResponse(body, headers={"OData-Version": "4.0"}, media_type=JSON)

    def one(self, call: Call, entity: Entity, row: Row) -> Response:
        return self._one(call, entity, row, 200, {})

    def made(self, call: Call, entity: Entity, row: Row) -> Response:
        """201 with the address of the new record."""
        place = f"{call.address.root}/companies({row['companyId']})/{entity.set_name}({row['id']})"
        return self._one(call, entity, row, 201, {"Location": place})

    def _one(self, call: Call, entity: Entity, row: Row, status: int, headers: dict[str, str]) -> Response:
        query = parse_query(call.options, entity)
        context = f"{call.address.root}/$metadata#companies({row.get('companyId', '')})/{entity.set_name}/$entity"
        body = {"@odata.context": context} | represented(query, row, self._books)
        fields = {"OData-Version": "4.0", "ETag": etag(row)} | headers
        return JSONResponse(body, status, headers=fields, media_type=JSON)
