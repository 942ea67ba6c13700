"""Several writes in one call: `composite` and sObject collections. Source: REST API guide, "Composite Resources"."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from system_apis.crm.salesforce.sandbox.query import Answerer
from system_apis.crm.salesforce.sandbox.records import Row
from system_apis.crm.salesforce.sandbox.refusals import Refusal, not_found
from system_apis.crm.salesforce.sandbox.rest import Call, DataApi, Reply, row_id_of
from system_apis.crm.salesforce.sandbox.schema import SObject
from system_apis.crm.salesforce.sandbox.writing import Transaction

MAX_CALLS, MAX_ROWS = 25, 200
_REFERENCE = re.compile(r"@\{(\w+)\.([\w.\[\]]+)\}")
_ROOT = re.compile(r"/services/data/v(\d+\.\d)/")
HALTED = "The transaction was rolled back since another operation in the same transaction failed."


class Composites:
    """Calls in groups, over the same API that answers single ones."""

    def __init__(self, api: DataApi) -> None:
        self._api = api

    def answer(self, call: Call) -> Reply:
        """What is below `composite`."""
        parts = [part for part in call.path.split("/") if part][1:]
        match call.method, parts:
            case "POST", []:
                return Reply(200, {"compositeResponse": self._calls(call)})
            case "POST" | "PATCH", ["sobjects"]:
                return Reply(200, self._rows(call))
            case "PATCH", ["sobjects", name, key_field]:
                return Reply(200, self._rows(call, self._api.described(name), key_field))
            case "GET", ["sobjects", name]:
                return Reply(200, self._read(call, self._api.described(name)))
            case "DELETE", ["sobjects"]:
                return Reply(200, self._removed(call))
        raise not_found()

    def _calls(self, call: Call) -> list[Row]:
        asked = call.body.get("compositeRequest") if isinstance(call.body, dict) else None
        if not isinstance(asked, list) or not 0 < len(asked) <= MAX_CALLS:
            message = f"compositeRequest has from 1 to {MAX_CALLS} subrequests"
            raise Refusal(400, "INVALID_INPUT", message)
        whole = bool(call.body.get("allOrNone", False))
        shared = Transaction(self._api.records, self._api.log, call.author) if whole else None
        results: dict[str, Row] = {}
        for part in asked:
            results[str(part.get("referenceId"))] = self._one(call, part, results, shared)
        if shared is not None and any(result["httpStatusCode"] >= 300 for result in results.values()):
            shared.undo()
            return [_halted(result) for result in results.values()]
        if shared is not None:
            shared.commit()
        return list(results.values())

    def _one(self, call: Call, part: Row, results: dict[str, Row], shared: Transaction | None) -> Row:
        reference = str(part.get("referenceId"))
        if not re.fullmatch(r"\w+", reference):
            raise Refusal(400, "INVALID_INPUT", "referenceId takes letters, digits and underscores")
        try:
            reply = self._api.answer(_subcall(call, part, results), shared)
        except Refusal as refusal:
            reply = Reply(refusal.status, [refusal.entry()])
        return {
            "body": reply.body,
            "httpHeaders": reply.headers,
            "httpStatusCode": reply.status,
            "referenceId": reference,
        }

    def _rows(self, call: Call, described: SObject | None = None, key_field: str = "") -> list[Row]:
        rows = call.body.get("records") if isinstance(call.body, dict) else None
        if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
            raise Refusal(400, "INVALID_INPUT", f"records has from 1 to {MAX_ROWS} rows")
        return self._each(call, [lambda t, row=row: self._row(call, row, described, key_field, t) for row in rows])

    def _removed(self, call: Call) -> list[Row]:
        def removed(transaction: Transaction, row_id: str) -> Row:
            described = self._api.records.schema.of_id(row_id)
            if described is None:
                raise Refusal(400, "MALFORMED_ID", f"malformed id {row_id}")
            transaction.delete(described, row_id)
            return {"id": row_id, "success": True, "errors": []}

        ids = [row_id for row_id in call.params.get("ids", "").split(",") if row_id]
        return self._each(call, [lambda t, row_id=row_id: removed(t, row_id) for row_id in ids])

    def _each(self, call: Call, deeds: list[Any]) -> list[Row]:
        """A result per row; all in one transaction of which, unless `allOrNone`, the rows that went well are kept."""
        given = call.body if isinstance(call.body, dict) else call.params
        whole = str(given.get("allOrNone", False)).lower() == "true"
        transaction = Transaction(self._api.records, self._api.log, call.author)
        results: list[Row] = []
        for deed in deeds:
            try:
                results.append(deed(transaction))
            except Refusal as refusal:
                results.append({"success": False, "errors": [refusal.row_error()]})
        if whole and not all(result["success"] for result in results):
            transaction.undo()
            rolled = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": HALTED, "fields": []}
            return [{"success": False, "errors": result["errors"] or [rolled]} for result in results]
        transaction.commit()
        return results

    def _row(self, call: Call, row: Row, described: SObject | None, key_field: str, transaction: Transaction) -> Row:
        """One row of a collection: created, changed by its id, or found or made by an external id."""
        name = str((row.get("attributes") or {}).get("type", ""))
        wanted = self._api.records.schema.find(name)
        if wanted is None or (described is not None and wanted is not described):
            raise Refusal(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
        path = f"sobjects/{wanted.name}"
        method, body = "POST", dict(row)
        if key_field:
            field = wanted.field(key_field)
            value = body.pop(field.name, None) if field is not None else None
            if value is None:
                raise Refusal(400, "MISSING_ARGUMENT", f"{key_field} not specified", [key_field])
            method, path = "PATCH", f"{path}/{key_field}/{value}"
        elif call.method == "PATCH":
            method, path = "PATCH", f"{path}/{row_id_of(row)}"
            body = {name: value for name, value in body.items() if name.lower() != "id"}
        single = Call(method, path, {}, body, call.version, call.user_id, call.headers)
        reply = self._api.answer(single, transaction)
        if reply.status == 300:
            raise Refusal(
                400, "DUPLICATE_EXTERNAL_ID", f"{key_field}: more than one record found for external id field"
            )
        return reply.body or {"id": row_id_of(row), "success": True, "errors": []}

    def _read(self, call: Call, described: SObject) -> list[Row | None]:
        """Rows by their ids; null for one that is not there."""
        fields = [described.field(name.strip()) for name in call.params.get("fields", "Id").split(",")]
        known = [field for field in fields if field is not None]
        if len(known) != len(fields):
            raise Refusal(400, "INVALID_FIELD", f"No such column on sobject of type {described.name}")
        answerer = Answerer(self._api.records, call.version)
        rows = [self._api.records.live(described.name, row_id) for row_id in call.params.get("ids", "").split(",")]
        return [None if row is None else answerer.show(described, row, known) for row in rows]


def _subcall(call: Call, part: Row, results: dict[str, Row]) -> Call:
    """A subrequest with the references to earlier results filled in."""
    url = urlsplit(_filled(str(part.get("url", "")), results))
    root = _ROOT.match(url.path)
    if root is None:
        raise Refusal(400, "INVALID_INPUT", "a subrequest's url begins with /services/data/vXX.X/")
    headers = {name.lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
    return Call(
        method=str(part.get("method", "GET")).upper(),
        path=url.path[root.end() :],
        params=dict(parse_qsl(url.query, keep_blank_values=True)),
        body=_filled(part.get("body"), results),
        version=root[1],
        user_id=call.user_id,
        headers=call.headers | headers,
    )


def _filled(value: Any, results: dict[str, Row]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(part, results) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, results) for part in value]
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda match: str(_reached(match[1], match[2], results)), value)


def _reached(reference: str, path: str, results: dict[str, Row]) -> Any:
    found: Any = (results.get(reference) or {}).get("body")
    for step in re.findall(r"\w+", path):
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            message = f"Invalid reference specified. No value for {path} found in {reference}"
            raise Refusal(400, "PROCESSING_HALTED", message) from error
    return found


def _halted(result: Row) -> Row:
    """A subrequest's result after the whole was rolled back; the ones that failed keep their own words."""
    if result["httpStatusCode"] >= 300:
        return result
    halted = [{"errorCode": "PROCESSING_HALTED", "message": HALTED}]
    return result | {"httpStatusCode": 400, "httpHeaders": {}, "body": halted}
