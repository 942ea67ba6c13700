"""Business Central's web service: one door for reads, writes, batches and subscriptions of a tenant's companies."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandboxkit.app import Context
from system_apis.erp.business_central.sandbox import rules
from system_apis.erp.business_central.sandbox.addresses import (
    Segment,
    is_standard,
    parse_address,
    relative,
)
from system_apis.erp.business_central.sandbox.batches import Envelope, envelopes, gathered
from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.calls import Call, Representation
from system_apis.erp.business_central.sandbox.entities import BY_API, COMPANIES
from system_apis.erp.business_central.sandbox.entra import Entra
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.limits import Limits
from system_apis.erp.business_central.sandbox.metadata import metadata
from system_apis.erp.business_central.sandbox.posting_door import PostingDoor
from system_apis.erp.business_central.sandbox.queries import parse_query
from system_apis.erp.business_central.sandbox.refusals import (
    Refusal,
    bad_request,
    no_company,
    no_record,
    no_segment,
    not_taken,
    unauthenticated,
)
from system_apis.erp.business_central.sandbox.shapes import Entity
from system_apis.erp.business_central.sandbox.subscriptions import Subscriptions, shown_subscription
from system_apis.erp.business_central.sandbox.values import read_values


class BusinessCentral:
    """The vendor's side of every path below /v2.0/."""

    def __init__(self, context: Context, entra: Entra) -> None:
        self.books = Books(context)
        self._shown = Representation(self.books)
        self._context = context
        self._entra = entra
        self._limits = Limits(context)
        self._subscriptions = Subscriptions(context)
        self.posting = PostingDoor(self.books, self._shown, self._subscriptions)

    async def answer(self, request: Request) -> Response:
        if not self._entra.accepts(request.headers.get("authorization", "")):
            return unauthenticated(request.headers.get("accept", ""))
        config = self._context.config
        try:
            async with self._limits.place():
                rest, environment = request.path_params["rest"], config.get("environment", "production")
                address = parse_address(rest, self._context.base_url, str(config["tenant"]), str(environment))
                call = Call(request.method, address, request.query_params, request.headers, await request.body())
                return await self._handled(call)
        except Refusal as refusal:
            return refusal.response()

    async def _handled(self, call: Call) -> Response:
        segments = call.address.segments
        first = segments[0] if segments else Segment("")
        if first.name in {"", "$metadata", "$batch"}:
            return await self._about(call, first.name)
        if first.name == "subscriptions" and is_standard(call.address):
            return await self._subscribed(call, first)
        if first.name == "companies" and len(segments) == 1:
            return self._companies(call, first)
        if first.name == "companies":
            return await self._in_company(call, self._company(first.key or ""), segments[1:])
        wanted = call.options.get("company") or call.headers.get("company") or ""
        return await self._in_company(call, self._company(wanted), segments)

    async def _about(self, call: Call, name: str) -> Response:
        if name == "$batch":
            return await self._batch(call)
        if name == "$metadata":
            return Response(metadata(call.address.api), media_type="application/xml")
        return self._service_document(call)

    async def _in_company(self, call: Call, company: str, segments: tuple[Segment, ...]) -> Response:
        entity = BY_API[call.address.api].get(segments[0].name)
        if entity is None:
            raise no_segment(segments[0].name)
        if self.posting.leads_to(entity, segments):
            return self.posting.answer(call, entity, company, segments)
        if len(segments) > 2:
            raise no_segment(segments[2].name)
        key = segments[0].key
        if key is None:
            return (
                self._counted(call, entity, company) if len(segments) > 1 else self._collection(call, entity, company)
            )
        row = self.books.row(entity, company, key)
        if row is None:
            raise no_record(entity.caption, key)
        return self._record(call, entity, row) if len(segments) == 1 else self._related(call, entity, row, segments[1])

    def _collection(self, call: Call, entity: Entity, company: str) -> Response:
        if call.method == "GET":
            return self._shown.page(call, entity, self.books.rows(entity, company))
        if call.method != "POST":
            raise not_taken(call.method, entity.name, "Collection")
        if "insert" not in entity.may:
            raise bad_request("Entity does not support insert.", "BadRequest_MethodNotAllowed")
        row = rules.created(self.books, company, entity, read_values(entity, call.json()))
        self._subscriptions.changed(entity, row, "created")
        return self._shown.made(call, entity, row)

    def _record(self, call: Call, entity: Entity, row: Row) -> Response:
        if call.method == "GET":
            return self._shown.one(call, entity, row)
        verb = {"PATCH": "modify", "DELETE": "delete"}.get(call.method)
        if verb is None:
            raise not_taken(call.method, entity.name, "Entity")
        if verb not in entity.may:
            raise bad_request(f"Entity does not support {verb}.", "BadRequest_MethodNotAllowed")
        call.require_current(row)
        company = row["companyId"]
        if verb == "delete":
            rules.removed(self.books, company, entity, row)
            self._subscriptions.changed(entity, row, "deleted")
            return Response(status_code=204)
        kept = rules.changed(self.books, company, entity, row, read_values(entity, call.json()))
        self._subscriptions.changed(entity, kept, "updated")
        return self._shown.one(call, entity, kept)

    def _related(self, call: Call, entity: Entity, row: Row, segment: Segment) -> Response:
        navigation = entity.navigations.get(segment.name)
        if navigation is None or call.method != "GET":
            raise no_segment(segment.name)
        target = BY_API[entity.api][navigation.target]
        rows = [
            other
            for other in self.books.rows(target, row["companyId"])
            if other.get(navigation.theirs) == row.get(navigation.ours)
            and (segment.key is None or other["id"] == segment.key)
        ]
        if navigation.many and segment.key is None:
            return self._shown.page(call, target, rows)
        if not rows:
            raise no_record(target.caption, segment.key or "")
        return self._shown.one(call, target, rows[0])

    def _counted(self, call: Call, entity: Entity, company: str) -> Response:
        if call.address.segments[-1].name != "$count":
            raise no_segment(call.address.segments[-1].name)
        found = parse_query(call.options, entity).found(self.books.rows(entity, company))
        return PlainTextResponse(str(len(found)))

    def _companies(self, call: Call, segment: Segment) -> Response:
        if call.method != "GET":
            raise not_taken(call.method, COMPANIES.name, "Collection")
        if segment.key is None:
            return self._shown.page(call, COMPANIES, self.books.companies())
        company = self.books.company(segment.key)
        if company is None:
            raise no_company()
        return self._shown.one(call, COMPANIES, company)

    def _company(self, wanted: str) -> str:
        company = self.books.company(wanted) if wanted else None
        if company is None:
            raise no_company()
        return str(company["id"])

    async def _subscribed(self, call: Call, segment: Segment) -> Response:
        if segment.key is None and call.method == "POST":
            return JSONResponse(shown_subscription(await self._subscriptions.create(call.json())), 201)
        if segment.key is None:
            rows = [shown_subscription(row) for row in self._subscriptions.all()]
            return JSONResponse({"@odata.context": f"{call.address.root}/$metadata#subscriptions", "value": rows})
        row = self._subscriptions.get(segment.key)
        if call.method == "GET":
            return JSONResponse(shown_subscription(row))
        call.require_current(row)
        if call.method == "DELETE":
            self._subscriptions.delete(row)
            return Response(status_code=204)
        return JSONResponse(shown_subscription(await self._subscriptions.renew(row)))

    async def _batch(self, call: Call) -> Response:
        """Outer 200 even when inner requests fail; each inner one is handled like a request of its own."""
        answers: list[tuple[Envelope, Response]] = []
        for envelope in envelopes(call.json()):
            inner = Call(
                envelope.method,
                relative(call.address, envelope.path),
                envelope.options,
                {name.lower(): value for name, value in call.headers.items()} | envelope.headers,
                envelope.body,
            )
            try:
                answers.append((envelope, await self._handled(inner)))
            except Refusal as refusal:
                answers.append((envelope, refusal.response()))
        return JSONResponse(gathered(answers))

    def _service_document(self, call: Call) -> Response:
        sets = ["companies", *BY_API[call.address.api]]
        value = [{"name": name, "kind": "EntitySet", "url": name} for name in sets]
        return JSONResponse({"@odata.context": f"{call.address.root}/$metadata", "value": value})
