"""Single resources by method: create, read, replace, modify, delete; each answers with a status, a body, a version."""

from collections.abc import Mapping
from dataclasses import dataclass

from system_apis.identity.scim.sandbox.attributes import Record, ResourceType
from system_apis.identity.scim.sandbox.listing import Asked, represented
from system_apis.identity.scim.sandbox.patching import patched
from system_apis.identity.scim.sandbox.refusals import RefusalError
from system_apis.identity.scim.sandbox.schemas import GROUP
from system_apis.identity.scim.sandbox.shaping import received
from system_apis.identity.scim.sandbox.world import World, names_version


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a request on a resource."""

    status: int
    body: Record | None = None
    location: str = ""
    version: str = ""


def create(world: World, resource_type: ResourceType, body: Record, asked: Asked) -> Outcome:
    return _outcome(201, resource_type, world.create(resource_type, received(resource_type, body)), asked)


def read(world: World, resource_type: ResourceType, record_id: str, asked: Asked, if_none_match: str | None) -> Outcome:
    record = world.get(resource_type, record_id)
    if if_none_match is not None and names_version(if_none_match, record["meta"]["version"]):
        return Outcome(status=304, version=record["meta"]["version"])
    return _outcome(200, resource_type, record, asked)


def act(
    world: World,
    method: str,
    resource_type: ResourceType,
    record_id: str,
    body: Record,
    asked: Asked,
    if_match: str | None,
) -> Outcome:
    """PUT, PATCH or DELETE. A PUT replaces the whole resource: what it leaves out is gone."""
    if method == "DELETE":
        world.delete(resource_type, record_id, if_match)
        return Outcome(status=204)
    if method == "PUT":
        record = world.change(resource_type, record_id, if_match, lambda _: received(resource_type, body))
        return _outcome(200, resource_type, record, asked)
    if method != "PATCH":
        raise RefusalError(405, f"{method} is not allowed here")
    record = world.change(resource_type, record_id, if_match, lambda old: patched(resource_type, old, body))
    if resource_type is GROUP and "attributes" not in asked:
        # Groups may be long, and Entra prefers no content.
        return Outcome(status=204, version=record["meta"]["version"])
    return _outcome(200, resource_type, record, asked)


def headers(outcome: Outcome) -> Mapping[str, str]:
    pairs = {"ETag": outcome.version, "Location": outcome.location if outcome.status == 201 else ""}
    return {name: value for name, value in pairs.items() if value}


def _outcome(status: int, resource_type: ResourceType, record: Record, asked: Asked) -> Outcome:
    meta = record["meta"]
    return Outcome(
        status=status,
        body=represented(resource_type, record, asked),
        location=meta["location"],
        version=meta["version"],
    )
