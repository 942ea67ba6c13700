"""The REST API below `/services/data/vXX.0`: rows, queries, descriptions. Source: its Developer Guide, v67.0."""

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from sandboxkit.app import Context
from system_apis.crm.salesforce.sandbox.changes import ChangeLog
from system_apis.crm.salesforce.sandbox.descriptions import described_briefly, described_fully
from system_apis.crm.salesforce.sandbox.identifiers import moment_of, normal_id, stamp
from system_apis.crm.salesforce.sandbox.query import Answerer
from system_apis.crm.salesforce.sandbox.records import Records, Row
from system_apis.crm.salesforce.sandbox.refusals import Refusal, not_found
from system_apis.crm.salesforce.sandbox.schema import Field, SObject
from system_apis.crm.salesforce.sandbox.soql import parse
from system_apis.crm.salesforce.sandbox.writing import Author, Transaction

FIRST_VERSION, LAST_VERSION = 31, 67
UPSERT_TELLS_ID_SINCE = 46
OPEN_QUERIES = 10
SMALLEST_BATCH, LARGEST_BATCH = 200, 2000
MAX_WINDOW = timedelta(days=30)


@dataclass
class Call:
    """One request of the data API, from outside or from within a composite. `path` is below the version."""

    method: str
    path: str
    params: dict[str, str]
    body: Any
    version: str
    user_id: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def author(self) -> Author:
        options = dict(part.partition("=")[::2] for part in self.headers.get("sforce-call-options", "").split(","))
        return Author(self.user_id, options.get("client", "").strip(), self.version)


@dataclass
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class DataApi:
    """Answers calls. Owns the open query locators, which a restart forgets as Salesforce forgets old ones."""

    def __init__(self, context: Context, records: Records, log: ChangeLog) -> None:
        self._context = context
        self.records = records
        self.log = log
        self._locators: OrderedDict[str, list[Row]] = OrderedDict()

    def answer(self, call: Call, transaction: Transaction | None = None) -> Reply:
        """The reply to a call. A call of its own is its own transaction; one within a composite shares that one's."""
        own = transaction or Transaction(self.records, self.log, call.author)
        try:
            reply = self._dispatch(call, own)
        except Refusal:
            if transaction is None:
                own.undo()
            raise
        if transaction is None:
            own.commit()
        return reply

    def described(self, name: str) -> SObject:
        found = self.records.schema.find(name)
        if found is None:
            raise not_found()
        return found

    def _dispatch(self, call: Call, transaction: Transaction) -> Reply:
        parts = [unquote(part) for part in call.path.strip("/").split("/") if part]
        match call.method, parts:
            case "GET", []:
                root = f"/services/data/v{call.version}"
                return Reply(
                    200, {name: f"{root}/{name}" for name in ("sobjects", "query", "queryAll", "limits", "composite")}
                )
            case "GET", ["limits"]:
                return Reply(200, self._limits())
            case "GET", ["query" | "queryAll" as kind]:
                return self._query(call, deleted=kind == "queryAll")
            case "GET", ["query" | "queryAll", locator]:
                return self._more(call, locator)
            case "GET", ["sobjects"]:
                found = [described_briefly(known, call.version) for known in self.records.schema.objects.values()]
                return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})
            case _, ["sobjects", name, *rest]:
                return self._sobject(call, self.described(name), rest, transaction)
        raise not_found()

    def _sobject(self, call: Call, described: SObject, rest: list[str], transaction: Transaction) -> Reply:
        match call.method, rest:
            case "POST", []:
                return self._created(call, described, transaction.create(described, call.body))
            case "GET", [] | ["describe" | "updated" | "deleted"]:
                return Reply(200, self._told_of(call, described, "".join(rest)))
            case _, [row_id]:
                return self._row(call, described, row_id, transaction)
            case _, [key_field, value]:
                return self._keyed_row(call, described, key_field, value, transaction)
        raise not_found()

    def _told_of(self, call: Call, described: SObject, what: str) -> Row:
        """What is told of an object as a whole."""
        match what:
            case "describe":
                return described_fully(self.records.schema, described, call.version)
            case "updated":
                return self._updated(call, described)
            case "deleted":
                return self._deleted(call, described)
        return {"objectDescribe": described_briefly(described, call.version), "recentItems": []}

    def _row(self, call: Call, described: SObject, row_id: str, transaction: Transaction) -> Reply:
        match call.method:
            case "GET":
                row = transaction.existing(described, row_id)
                return Reply(200, Answerer(self.records, call.version).show(described, row, _wanted(call, described)))
            case "PATCH":
                transaction.update(described, row_id, call.body)
                return Reply(204)
            case "DELETE":
                transaction.delete(described, row_id)
                return Reply(204)
        raise _not_allowed(call)

    def _keyed_row(self, call: Call, described: SObject, key_field: str, value: str, transaction: Transaction) -> Reply:
        """A row by an external id, or by its own id spelled out as `Id/{id}`."""
        key = described.field(key_field)
        if key is None or not (key.external_id or key.name == "Id"):
            message = f"Provided external ID field does not exist or is not accessible: {key_field}"
            raise Refusal(404, "NOT_FOUND", message)
        if key.name == "Id":
            return self._row(call, described, value, transaction)
        found = self.records.with_key(described, key.name, value)
        if len(found) > 1:
            urls = [f"/services/data/v{call.version}/sobjects/{described.name}/{row['Id']}" for row in found]
            return Reply(300, urls)
        if call.method != "PATCH":
            if not found:
                raise not_found()
            return self._row(call, described, found[0]["Id"], transaction)
        return self._upserted(call, described, key, value, found, transaction)

    def _upserted(
        self, call: Call, described: SObject, key: Field, value: str, found: list[Row], transaction: Transaction
    ) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        repeated = next((name for name in body if name.lower() in {"id", key.name.lower()}), None)
        if repeated is not None:
            message = f"The {repeated} field should not be specified in the sobject data."
            raise Refusal(400, "INVALID_FIELD", message)
        if found:
            transaction.update(described, found[0]["Id"], call.body)
            if float(call.version) < UPSERT_TELLS_ID_SINCE:
                return Reply(204)
            return Reply(200, _saved(found[0]["Id"]) | {"created": False})
        if call.params.get("updateOnly") == "true":
            raise not_found()
        made = self._created(call, described, transaction.create(described, body | {key.name: value}))
        if float(call.version) >= UPSERT_TELLS_ID_SINCE:
            made.body["created"] = True
        return made

    def _created(self, call: Call, described: SObject, new_id: str) -> Reply:
        location = f"/services/data/v{call.version}/sobjects/{described.name}/{new_id}"
        return Reply(201, _saved(new_id), {"Location": location})

    def _query(self, call: Call, *, deleted: bool) -> Reply:
        text = call.params.get("q")
        if text is None:
            raise Refusal(400, "MALFORMED_QUERY", "A query string has to be specified")
        query = parse(text)
        answerer = Answerer(self.records, call.version, deleted=deleted)
        if query.count:
            return Reply(200, {"totalSize": answerer.count(query), "done": True, "records": []})
        return Reply(200, self._page(call, answerer.rows(query), 0, None))

    def _page(self, call: Call, rows: list[Row], start: int, name: str | None) -> Row:
        """The rows from `start` on, as many as a batch holds, and where the rest is."""
        end = start + self._batch_size(call)
        page: Row = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[start:end]}
        if page["done"]:
            self._locators.pop(name or "", None)
            return page
        if name is None:
            name = f"01g{secrets.token_hex(6)}AAA"
            self._locators[name] = rows
            while len(self._locators) > OPEN_QUERIES:
                self._locators.popitem(last=False)
        return page | {"nextRecordsUrl": f"/services/data/v{call.version}/query/{name}-{end}"}

    def _more(self, call: Call, locator: str) -> Reply:
        name, _, start = locator.rpartition("-")
        rows = self._locators.get(name)
        if rows is None or not start.isdigit():
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return Reply(200, self._page(call, rows, int(start), name))

    def _batch_size(self, call: Call) -> int:
        """The client's hint within its bounds; an administrator may make the answers smaller."""
        hints = dict(part.partition("=")[::2] for part in call.headers.get("sforce-query-options", "").split(","))
        hint = hints.get("batchSize", "").strip()
        size = min(max(int(hint), SMALLEST_BATCH), LARGEST_BATCH) if hint.isdigit() else LARGEST_BATCH
        return min(size, int(self._context.config.get("batch_size", LARGEST_BATCH)))

    def _updated(self, call: Call, described: SObject) -> Row:
        start, end = _window(call)
        rows = self.records.find(described.name, lambda row: start <= row["SystemModstamp"] < end)
        return {"ids": [row["Id"] for row in rows], "latestDateCovered": end}

    def _deleted(self, call: Call, described: SObject) -> Row:
        start, end = _window(call)
        gone = [row for row in self.records.all(described.name) if row.get("IsDeleted")]
        return {
            "deletedRecords": [
                {"id": row["Id"], "deletedDate": row["SystemModstamp"]}
                for row in gone
                if start <= row["SystemModstamp"] < end
            ],
            "earliestDateAvailable": stamp(self._context.clock.now() - MAX_WINDOW),
            "latestDateCovered": end,
        }

    def used(self) -> tuple[int, int]:
        """Calls of the last day, of how many."""
        day = self._context.clock.now().date().isoformat()
        row = self._context.store.get("ApiUsage", day) or {"calls": 0}
        return int(row["calls"]), int(self._context.config.get("daily_requests", 100_000))

    def count_call(self) -> None:
        """Raises REQUEST_LIMIT_EXCEEDED once the day's calls are used up."""
        calls, most = self.used()
        if calls >= most:
            raise Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        day = self._context.clock.now().date().isoformat()
        self._context.store.put("ApiUsage", day, {"calls": calls + 1})

    def _limits(self) -> Row:
        calls, most = self.used()
        return {
            "DailyApiRequests": {"Max": most, "Remaining": most - calls},
            "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
            "DailyStreamingApiEvents": {"Max": 50_000, "Remaining": 50_000},
        }


def _saved(row_id: str) -> Row:
    return {"id": row_id, "success": True, "errors": []}


def _wanted(call: Call, described: SObject) -> list[Field]:
    if "fields" not in call.params:
        return list(described.fields.values())
    names = [name.strip() for name in call.params["fields"].split(",")]
    found = [described.field(name) for name in names]
    unknown = next((name for name, known in zip(names, found, strict=True) if known is None), None)
    if unknown is not None:
        raise Refusal(400, "INVALID_FIELD", f"No such column '{unknown}' on sobject of type {described.name}")
    known = [field for field in found if field is not None]
    return known if described.fields["Id"] in known else [*known, described.fields["Id"]]


def _window(call: Call) -> tuple[str, str]:
    try:
        start, end = (moment_of(call.params[name].replace(" ", "+")) for name in ("start", "end"))
    except (KeyError, ValueError) as error:
        raise Refusal(400, "INVALID_REPLICATION_DATE", "start and end are moments with an offset") from error
    if not timedelta() < end - start <= MAX_WINDOW:
        raise Refusal(400, "INVALID_REPLICATION_DATE", "endDate must be after startDate, by at most thirty days")
    return stamp(start), stamp(end)


def _not_allowed(call: Call) -> Refusal:
    return Refusal(
        405, "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are HEAD,GET,PATCH,DELETE"
    )


def read_body(content: bytes) -> Any:
    """A request's JSON body, None without one. Raises JSON_PARSER_ERROR."""
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        raise Refusal(400, "JSON_PARSER_ERROR", f"Unexpected character at [line:1, column:1]: {error}") from error


def row_id_of(row: Row) -> str:
    """The id in a row of a collection, 18 characters."""
    for name, value in row.items():
        if name.lower() == "id" and isinstance(value, str) and normal_id(value):
            return value
    raise Refusal(400, "MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
