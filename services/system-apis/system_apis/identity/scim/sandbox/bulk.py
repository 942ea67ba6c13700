"""Many writes in one request, which may refer to each other by `bulkId:` (RFC 7644 section 3.7)."""

import json
import re
from typing import Any

from system_apis.identity.scim.sandbox import resources
from system_apis.identity.scim.sandbox.attributes import Record, as_list
from system_apis.identity.scim.sandbox.discovery import MAX_OPERATIONS
from system_apis.identity.scim.sandbox.refusals import RefusalError, invalid_syntax, invalid_value, not_found
from system_apis.identity.scim.sandbox.resources import Outcome
from system_apis.identity.scim.sandbox.schemas import of_endpoint
from system_apis.identity.scim.sandbox.world import World

REQUEST_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_REFERENCE = re.compile(r"bulkId:([^\"/\s]+)")


def performed(world: World, body: Record) -> Record:
    """Each operation has an outcome of its own; after `failOnErrors` failures the rest is not tried."""
    operations = body.get("Operations")
    if REQUEST_URN not in as_list(body.get("schemas")) or not isinstance(operations, list):
        raise invalid_syntax(f"A {REQUEST_URN} with Operations is expected")
    if len(operations) > MAX_OPERATIONS:
        raise RefusalError(413, f"The number of operations exceeds maxOperations ({MAX_OPERATIONS})")
    most_errors = body.get("failOnErrors") or len(operations) + 1
    made: dict[str, str] = {}
    answers: list[Record] = []
    for operation in _ordered(operations):
        answers.append(_one(world, operation, made))
        if sum("response" in answer for answer in answers) >= most_errors:
            break
    return {"schemas": [RESPONSE_URN], "Operations": answers}


def _ordered(operations: list[Any]) -> list[Record]:
    """Those that refer to others come after them, as far as they do not refer to each other in a circle."""
    if not all(isinstance(one, dict) for one in operations):
        raise invalid_syntax("An operation is an object")
    waiting, found = list(operations), []
    while waiting:
        unmade = {one.get("bulkId") for one in waiting if str(one.get("method", "")).upper() == "POST"}
        ready = next((one for one in waiting if not (_references(one) - {one.get("bulkId")}) & unmade), waiting[0])
        waiting.remove(ready)
        found.append(ready)
    return found


def _references(operation: Record) -> set[str]:
    return set(_REFERENCE.findall(json.dumps([operation.get("path"), operation.get("data")])))


def _one(world: World, operation: Record, made: dict[str, str]) -> Record:
    method = str(operation.get("method", "")).upper()
    answer = {"method": method} | ({"bulkId": operation["bulkId"]} if "bulkId" in operation else {})
    try:
        outcome = _perform(world, method, operation, made)
    except RefusalError as refusal:
        return answer | {"status": str(refusal.status), "response": refusal.body()}
    if method == "POST":
        made[operation["bulkId"]] = outcome.location.rsplit("/", 1)[-1]
    told = {"location": outcome.location, "version": outcome.version, "status": str(outcome.status)}
    return answer | {name: value for name, value in told.items() if value}


def _perform(world: World, method: str, operation: Record, made: dict[str, str]) -> Outcome:
    if method not in {"POST", "PUT", "PATCH", "DELETE"}:
        raise invalid_syntax("method is POST, PUT, PATCH or DELETE")
    if method == "POST" and not operation.get("bulkId"):
        raise invalid_syntax("A POST needs a bulkId")
    steps = str(_resolved(operation.get("path", ""), made)).strip("/").split("/")
    resource_type = of_endpoint(steps[0])
    if resource_type is None or len(steps) != (1 if method == "POST" else 2):
        raise not_found(str(operation.get("path")))
    data = _resolved(operation.get("data") or {}, made)
    if method == "POST":
        return resources.create(world, resource_type, data, {})
    outcome = resources.act(world, method, resource_type, steps[1], data, {}, operation.get("version"))
    location = "" if method == "DELETE" else world.location(resource_type, steps[1])
    return Outcome(status=outcome.status, location=location, version=outcome.version)


def _resolved(value: Any, made: dict[str, str]) -> Any:
    """With the ids of what was made in place of the references. Raises invalidValue for one that is not there."""

    def identified(found: re.Match[str]) -> str:
        if found[1] not in made:
            raise invalid_value(f"bulkId {found[1]} is not known")
        return made[found[1]]

    if isinstance(value, str):
        return _REFERENCE.sub(identified, value)
    if isinstance(value, list):
        return [_resolved(one, made) for one in value]
    if isinstance(value, dict):
        return {name: _resolved(one, made) for name, one in value.items()}
    return value
