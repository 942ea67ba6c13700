"""The addresses of documents, journals, their parts and their actions, told apart and led to what serves them."""

from collections.abc import Callable

from starlette.responses import Response

from system_apis.erp.business_central.sandbox.addresses import Segment
from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.calls import Call, Representation
from system_apis.erp.business_central.sandbox.dimensions import with_dimension, without_dimension
from system_apis.erp.business_central.sandbox.documents import Documents
from system_apis.erp.business_central.sandbox.entities import BY_API
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.journals import Journals
from system_apis.erp.business_central.sandbox.ledger import Ledger
from system_apis.erp.business_central.sandbox.posting_entities import (
    DIMENSION_LINES,
    DIMENSION_SET_LINES,
    JOURNALS,
    LINES_OF,
    SALES_CREDIT_MEMOS,
    SALES_INVOICES,
)
from system_apis.erp.business_central.sandbox.refusals import dialog, no_record, no_segment, not_taken
from system_apis.erp.business_central.sandbox.sales_posting import SalesPosting
from system_apis.erp.business_central.sandbox.shapes import STANDARD, Entity
from system_apis.erp.business_central.sandbox.subscriptions import Subscriptions
from system_apis.erp.business_central.sandbox.values import read_values

POST, CANCEL = "Microsoft.NAV.post", "Microsoft.NAV.cancel"
_OWNERS = {page.set_name: owner for owner, page in LINES_OF.items()}
_NEEDS = {
    "journalLines": "You must specify a journal batch ID or a journal ID to get a journal line.",
    DIMENSION_LINES: "You must get to the parent first to get to the dimension set line.",
}
_NEEDS_DOCUMENT = "You must specify an Id or a Document Id to get the lines."


class PostingDoor:
    """Writes to documents and journals, whatever lies below them, and the action that posts."""

    def __init__(self, books: Books, shown: Representation, subscriptions: Subscriptions) -> None:
        self._books = books
        self._shown = shown
        self._subscriptions = subscriptions
        self.ledger = Ledger(books)
        self.documents = Documents(books, self.ledger)
        self.journals = Journals(books, self.ledger)
        self.sales = SalesPosting(books, self.ledger, self.documents)

    def leads_to(self, entity: Entity, segments: tuple[Segment, ...]) -> bool:
        """Whether the address is this door's; collections of documents and journals are read like any other."""
        inner = len(segments) > 1 and segments[1].name != "$count"
        return entity.set_name in {*LINES_OF, *_OWNERS, DIMENSION_LINES} or (
            inner and segments[1].name == DIMENSION_LINES
        )

    def answer(self, call: Call, entity: Entity, company: str, segments: tuple[Segment, ...]) -> Response:
        """Raises Refusal."""
        if segments[0].key is None:
            return self._collection(call, entity, company, segments)
        owner, row = self._found(entity, company, segments[0].key)
        return self._below(call, owner, entity, row, segments[1:])

    def _collection(self, call: Call, entity: Entity, company: str, segments: tuple[Segment, ...]) -> Response:
        if entity.set_name not in LINES_OF:
            raise dialog(_NEEDS.get(entity.set_name, _NEEDS_DOCUMENT))
        if len(segments) > 1:
            raise no_segment(segments[1].name)
        if call.method == "GET":
            return self._shown.page(call, entity, self._books.rows(entity, company))
        if call.method != "POST":
            raise not_taken(call.method, entity.name, "Collection")
        row = (
            self.journals.create(company, call.json())
            if entity is JOURNALS
            else self.documents.create(company, entity, call.json())
        )
        self._subscriptions.changed(entity, row, "created")
        return self._shown.made(call, entity, row)

    def _found(self, entity: Entity, company: str, key: str) -> tuple[Row, Row]:
        """The record, and the one that it is a part of or itself."""
        if entity.set_name not in _OWNERS:
            row = self._books.row(entity, company, key)
            if row is None:
                raise no_record(entity.caption, key)
            return row, row
        owner_id = self._books.owner_of(entity, company, key)
        owner = self._books.row(BY_API[STANDARD][_OWNERS[entity.set_name]], company, owner_id) if owner_id else None
        if owner is None:
            raise no_record(entity.caption, key)
        return owner, next(row for row in self._books.parts(entity, owner) if row["id"] == key)

    def _below(self, call: Call, owner: Row, entity: Entity, row: Row, rest: tuple[Segment, ...]) -> Response:
        if not rest:
            return self._record(call, owner, entity, row)
        if rest[0].name.lower() == POST.lower() and entity.set_name in LINES_OF:
            return self._acted(call, entity, row, self.journals.post if entity is JOURNALS else self._post_document)
        if rest[0].name.lower() == CANCEL.lower() and entity is SALES_INVOICES:
            return self._acted(call, entity, row, self.sales.cancel)
        navigation = entity.navigations.get(rest[0].name)
        if navigation is None or not navigation.part:
            raise no_segment(rest[0].name)
        part = BY_API[STANDARD][navigation.target]
        if rest[0].key is None:
            return self._parts(call, owner, entity, row, part)
        found = next((one for one in self._books.parts(part, row) if one["id"] == rest[0].key), None)
        if found is None:
            raise no_record(part.caption, rest[0].key or "")
        if part is DIMENSION_SET_LINES and call.method == "DELETE":
            self._kept(owner, entity, without_dimension(row, found["id"]))
            return Response(status_code=204)
        return self._below(call, row, part, found, rest[1:])

    def _record(self, call: Call, owner: Row, entity: Entity, row: Row) -> Response:
        if call.method == "GET":
            return self._shown.one(call, entity, row)
        if call.method not in {"PATCH", "DELETE"} or entity is DIMENSION_SET_LINES:
            raise not_taken(call.method, entity.name, "Entity")
        call.require_current(row)
        if call.method == "DELETE":
            self._removed(owner, entity, row)
            return Response(status_code=204)
        return self._shown.one(call, entity, self._changed(call, owner, entity, row))

    def _changed(self, call: Call, owner: Row, entity: Entity, row: Row) -> Row:
        if entity is JOURNALS:
            return self._books.keep(JOURNALS, row | read_values(JOURNALS, call.json()))
        if entity.set_name in LINES_OF:
            kept = self.documents.change(entity, row, call.json())
            self._subscriptions.changed(entity, kept, "updated")
            return kept
        given = read_values(entity, call.json())
        if _OWNERS[entity.set_name] == JOURNALS.set_name:
            return self._kept(owner, entity, self.journals.with_account(row | given))
        return self._kept(owner, entity, self.documents.with_values(owner["companyId"], row, given))

    def _removed(self, owner: Row, entity: Entity, row: Row) -> None:
        if entity is JOURNALS:
            self.journals.remove(row)
        elif entity.set_name in LINES_OF:
            self.documents.remove(entity, row)
            self._subscriptions.changed(entity, row, "deleted")
        elif _OWNERS[entity.set_name] == JOURNALS.set_name:
            self.journals.keep_line(owner, row["id"], None)
        else:
            self.documents.change_line(BY_API[STANDARD][_OWNERS[entity.set_name]], owner, None, row)

    def _parts(self, call: Call, owner: Row, entity: Entity, row: Row, part: Entity) -> Response:
        if call.method == "GET":
            return self._shown.page(call, part, self._books.parts(part, row))
        if call.method != "POST":
            raise not_taken(call.method, part.name, "Collection")
        if part is not DIMENSION_SET_LINES:
            made = (
                self.journals.add_line(row, call.json())
                if entity is JOURNALS
                else self.documents.add_line(entity, row, call.json())
            )
            return self._shown.made(call, part, made)
        if entity.set_name not in {*LINES_OF, *_OWNERS}:
            raise dialog(f"Parent with ID {row['id']} does not exist or dimension set lines are read only for parent")
        wanted = with_dimension(self._books, owner["companyId"], row, entity.caption, call.json())
        self._kept(owner, entity, wanted)
        return self._shown.made(call, part, wanted[DIMENSION_LINES][-1])

    def _kept(self, owner: Row, entity: Entity, wanted: Row) -> Row:
        if entity.set_name in LINES_OF:
            self.documents.require_draft(entity, wanted)
            return self._books.keep(entity, wanted)
        if _OWNERS[entity.set_name] == JOURNALS.set_name:
            self.journals.keep_line(owner, wanted["id"], wanted)
            return wanted
        return self.documents.change_line(BY_API[STANDARD][_OWNERS[entity.set_name]], owner, wanted, wanted)

    def _acted(self, call: Call, entity: Entity, row: Row, action: Callable[[Row], Row | None]) -> Response:
        """204 without a body: the AL code sets the result code "Deleted"."""
        if call.method != "POST":
            raise not_taken(call.method, call.address.segments[-1].name, "Action")
        done = action(row)
        if done is not None:
            self._subscriptions.changed(entity, done, "updated")
        return Response(status_code=204)

    def _post_document(self, row: Row) -> Row:
        return self.sales.post(SALES_INVOICES if "invoiceDate" in row else SALES_CREDIT_MEMOS, row)
