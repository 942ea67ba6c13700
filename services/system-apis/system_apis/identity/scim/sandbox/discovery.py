"""What the server says about itself (RFC 7643 sections 5 to 7, RFC 7644 section 4)."""

from system_apis.identity.scim.sandbox.attributes import Record, ResourceType, Schema
from system_apis.identity.scim.sandbox.listing import LIST_URN
from system_apis.identity.scim.sandbox.refusals import RefusalError, not_found
from system_apis.identity.scim.sandbox.schemas import (
    PROVIDER_SCHEMA,
    RESOURCE_TYPE_SCHEMA,
    RESOURCE_TYPES,
    SCHEMA_SCHEMA,
    SCHEMAS,
)
from system_apis.identity.scim.sandbox.world import World

ENDPOINTS = frozenset({"ServiceProviderConfig", "ResourceTypes", "Schemas"})
MAX_OPERATIONS = 1000
MAX_PAYLOAD_BYTES = 1_048_576


def described(world: World, steps: list[str]) -> Record:
    """What `GET /ServiceProviderConfig`, `/ResourceTypes[/{name}]` or `/Schemas[/{urn}]` answers. Raises 404."""
    match steps:
        case ["ServiceProviderConfig"]:
            return _provider(world)
        case ["ResourceTypes"]:
            return _all([_resource_type(world, one) for one in RESOURCE_TYPES])
        case ["ResourceTypes", name]:
            found = (_resource_type(world, one) for one in RESOURCE_TYPES if one.name == name)
            return _only(found_one=next(found, None), what=f"ResourceType {name}")
        case ["Schemas"]:
            return _all([_schema(world, one) for one in SCHEMAS])
        case ["Schemas", urn]:
            schema = (_schema(world, one) for one in SCHEMAS if one.urn == urn)
            return _only(found_one=next(schema, None), what=f"Schema {urn}")
    raise not_found("/".join(steps))


def refuse_filter(asked: object) -> None:
    """The descriptions cannot be filtered (RFC 7644 section 4)."""
    if asked:
        raise RefusalError(403, "Filters are not permitted here")


def _provider(world: World) -> Record:
    return {
        "schemas": [PROVIDER_SCHEMA.urn],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": MAX_PAYLOAD_BYTES},
        "filter": {"supported": True, "maxResults": world.max_results},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token that the administrator hands out",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{world.base_url}/ServiceProviderConfig"},
    }


def _resource_type(world: World, one: ResourceType) -> Record:
    found: Record = {
        "schemas": [RESOURCE_TYPE_SCHEMA.urn],
        "id": one.name,
        "name": one.name,
        "endpoint": one.endpoint,
        "description": one.schema.description,
        "schema": one.schema.urn,
        "meta": {"resourceType": "ResourceType", "location": f"{world.base_url}/ResourceTypes/{one.name}"},
    }
    if one.extensions:
        found["schemaExtensions"] = [{"schema": extension.urn, "required": False} for extension in one.extensions]
    return found


def _schema(world: World, one: Schema) -> Record:
    return {
        "schemas": [SCHEMA_SCHEMA.urn],
        "id": one.urn,
        "name": one.name,
        "description": one.description,
        "attributes": [attribute.shown() for attribute in one.attributes],
        "meta": {"resourceType": "Schema", "location": f"{world.base_url}/Schemas/{one.urn}"},
    }


def _all(found: list[Record]) -> Record:
    return {
        "schemas": [LIST_URN],
        "totalResults": len(found),
        "startIndex": 1,
        "itemsPerPage": len(found),
        "Resources": found,
    }


def _only(*, found_one: Record | None, what: str) -> Record:
    if found_one is None:
        raise not_found(what)
    return found_one
