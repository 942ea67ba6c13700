"""The contract document of a service: Litestar's draft, finished here and nowhere else (D1). OpenAPI 3.1.

Types are described by msgspec, which also reads them, so document and behaviour cannot drift apart. What middleware may
answer is added to every operation; `contract_parts` holds the shared pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from inspect import cleandoc
from types import NoneType
from typing import Any, cast

import msgspec
import yaml
from litestar import Controller, Litestar, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute

from servicekit import contract_parts as parts
from servicekit.auth import scopes_of
from servicekit.checking import DECIMAL_PATTERN
from servicekit.failures import Kind
from servicekit.problems import PROBLEM_MEDIA_TYPE, TITLES, Problem

Document = dict[str, Any]

OPENAPI_VERSION = "3.1.0"
_SCHEMAS = "#/components/schemas/"
_METHODS = ("get", "put", "post", "patch", "delete")
_GENERIC = re.compile(r"^(?P<whole>[A-Za-z0-9]+)_(?P<part>[A-Za-z0-9]+)_$")
_ALWAYS = frozenset({400, 401, 403, 429, 500, 503})
_WITH_BODY = frozenset({413, 415, 422})
# What a header parameter brings with it: the statuses that it makes possible.
_BY_HEADER = {"If-Match": frozenset({412, 428}), "Idempotency-Key": frozenset({409, 422})}


class ApiInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of an API as a whole; the `x-` members of its contract."""

    id: str  # never changes
    title: str
    version: str  # semantic; its major is the one in the paths
    description: str
    owner: str  # the team
    layer: str  # "system" | "process" | "experience"
    audience: str  # "component-internal" | "business-unit-internal" | "company-internal" | "external-partner"
    lifecycle: str  # "draft" | "preview" | "active" | "deprecated" | "sunset" | "retired"
    slo: Mapping[str, str]  # such as {"availability": "99.9%", "latency_p95": "300ms"}
    data_classification: str  # "public" | "internal" | "confidential" | "restricted"
    contact: str  # the team's e-mail address


def documented(*kinds: Kind) -> dict[int, ResponseSpec]:
    """The `responses=` of a route: the failures it raises itself. What every route may answer is added anyway."""
    found: dict[int, list[str]] = {}
    for kind in kinds:
        found.setdefault(kind.status, []).append(TITLES[kind])
    return {
        status: ResponseSpec(
            data_container=Problem,
            description="; ".join(titles),
            media_type=PROBLEM_MEDIA_TYPE,
            generate_examples=False,
        )
        for status, titles in found.items()
    }


def document(app: Litestar) -> Document:
    """The finished contract of a service made by `create_service`. The same code always gives the same document."""
    api, source = cast("ApiInfo", app.state["api"]), app.state["contract_source"]
    config = OpenAPIConfig(
        title=api.title, version=api.version, render_plugins=[JsonRenderPlugin()], use_handler_docstrings=True
    )
    drafting = Litestar(**source, openapi_config=config, logging_config=None)
    operations = {
        (route.path_format, method.lower()): handler
        for route in drafting.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method != "OPTIONS" and handler.resolve_include_in_schema()
    }
    draft = drafting.openapi_schema.to_schema()
    return finish(draft, api=api, operations=operations)


def finish(draft: Document, *, api: ApiInfo, operations: Mapping[tuple[str, str], HTTPRouteHandler]) -> Document:
    """Litestar's *draft* as the law: metadata, exact types, security, shared headers, every problem, a stable order."""
    types = _Types([handler for _, handler in sorted(operations.items(), key=lambda item: item[0])])
    paths: Document = {}
    for (path, method), handler in sorted(operations.items(), key=lambda item: _order(*item[0])):
        paths.setdefault(path, {})[method] = _operation(draft["paths"][path][method], handler, types)
    finished = {
        "openapi": OPENAPI_VERSION,
        "info": _info(api),
        "servers": [{"url": "/", "description": "The service itself. The edge puts its own prefix before the paths."}],
        "tags": [{"name": name} for name in sorted(_tags(paths))],
        "paths": paths,
        "components": {
            "schemas": types.components(),
            **parts.components(api.layer, _scopes(operations.values()), paths),
        },
    }
    return cast("Document", _plain(finished))


def to_yaml(finished: Document) -> str:
    """The document as its file in contracts/openapi holds it."""
    return yaml.dump(finished, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class ContractRoutes(Controller):
    """Serves the contract that the service keeps."""

    path = "/"
    include_in_schema = False
    opt = {"public": True}  # noqa: RUF012  Litestar reads it per class

    @get("/openapi.json")
    async def as_json(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        content = msgspec.json.format(msgspec.json.encode(_once(request.app)), indent=2)
        return Response(content, media_type="application/json")

    @get("/openapi.yaml")
    async def as_yaml(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        return Response(to_yaml(_once(request.app)).encode(), media_type="application/yaml")


class _Types:
    """The schemas of everything that crosses the boundary, made by msgspec."""

    def __init__(self, handlers: list[HTTPRouteHandler]) -> None:
        wanted = [found for handler in handlers for found in (_body_type(handler), _answer_type(handler)) if found]
        wanted.append(Problem)
        distinct = list(dict.fromkeys(wanted))
        references, self._components = msgspec.json.schema_components(distinct, ref_template=_SCHEMAS + "{name}")
        self._references = dict(zip(distinct, references, strict=True))

    def reference(self, wanted: Any) -> Document:
        return cast("Document", _renamed(self._references[wanted]))

    def components(self) -> Document:
        renamed = {_name(name): _renamed(schema) for name, schema in self._components.items()}
        return dict(sorted(renamed.items()))


def _operation(draft: Document, handler: HTTPRouteHandler, types: _Types) -> Document:
    summary, _, rest = (draft.get("description") or draft["summary"]).partition("\n")
    description = rest.strip()
    parameters = [_parameter(parameter) for parameter in draft.get("parameters", [])]
    operation: Document = {
        "operationId": draft["operationId"],
        "summary": summary.strip(),
        **({"description": description} if description else {}),
        **({"tags": draft["tags"]} if draft.get("tags") else {}),
        **({"deprecated": True} if draft.get("deprecated") else {}),
        **_who_may_call(handler),
        "parameters": [*parameters, *parts.SHARED_PARAMETERS],
    }
    if "requestBody" in draft:
        operation["requestBody"] = _request_body(draft["requestBody"], handler, types)
    operation["responses"] = _responses(draft, handler, types, parameters)
    return operation


def _who_may_call(handler: HTTPRouteHandler) -> Document:
    """The scopes that a caller needs; a hook is called by a vendor without a token, and its signature is checked."""
    if handler.opt.get("hook"):
        return {"security": [], "x-hook": True}
    return {"security": [{"oauth2": sorted(scopes_of(handler) or ())}]}


def _parameter(draft: Document) -> Document:
    schema = dict(draft["schema"])
    if choices := [choice for choice in schema.pop("oneOf", ()) if choice != {"type": "null"}]:
        schema |= choices[0] if len(choices) == 1 else {"oneOf": choices}
    schema.pop("description", None)
    example = parts.HEADER_EXAMPLES.get(draft["name"])
    description = draft.get("description") or parts.HEADER_DESCRIPTIONS.get(draft["name"])
    return {
        "name": draft["name"],
        "in": draft["in"],
        **({"description": description} if description else {}),
        "required": draft.get("required", False),
        "schema": schema,
        **({"examples": draft["examples"]} if draft.get("examples") else {"example": example} if example else {}),
    }


def _request_body(draft: Document, handler: HTTPRouteHandler, types: _Types) -> Document:
    wanted = _body_type(handler)
    content = draft["content"]
    if wanted is not None:
        content = {media_type: {**body, "schema": types.reference(wanted)} for media_type, body in content.items()}
    return {"required": draft.get("required", True), "content": content}


def _responses(draft: Document, handler: HTTPRouteHandler, types: _Types, parameters: list[Document]) -> Document:
    success = str(handler.status_code)
    answer = dict(draft["responses"][success])
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in parts.headers_of_success(answer)}
    finished: Document = {success: {"description": _said(handler), "headers": headers}}
    wanted = _answer_type(handler)
    if wanted is not None and "content" in answer:
        finished[success]["content"] = {"application/json": {"schema": types.reference(wanted)}}
    elif "content" in answer:
        finished[success]["content"] = answer["content"]
    if any(parameter["name"] == "If-None-Match" for parameter in parameters):
        finished["304"] = {"description": "Unchanged since the given entity tag.", "headers": headers}
    for status in sorted(_refusals(draft, handler, parameters)):
        finished[str(status)] = {"$ref": f"#/components/responses/{parts.RESPONSES[status].name}"}
    return finished


def _refusals(draft: Document, handler: HTTPRouteHandler, parameters: list[Document]) -> set[int]:
    statuses = set(_ALWAYS) | set(handler.responses or {})
    if "requestBody" in draft:
        statuses |= _WITH_BODY
    for parameter in parameters:
        statuses |= _BY_HEADER.get(parameter["name"], frozenset())
        if parameter["in"] == "path":
            statuses.add(404)
    return statuses


def _body_type(handler: HTTPRouteHandler) -> Any:
    field = handler.parsed_data_field
    return field.annotation if field is not None and _described(field.annotation) else None


def _answer_type(handler: HTTPRouteHandler) -> Any:
    field = handler.parsed_fn_signature.return_type
    annotation = field.annotation
    if field.is_subclass_of(Response):
        annotation = field.inner_types[0].annotation if field.inner_types else None
    return annotation if annotation is not None and _described(annotation) else None


def _described(annotation: Any) -> bool:
    """Whether msgspec describes it: our structs and what is made of them, not bytes, files and streams."""
    if annotation in {None, NoneType, bytes, str, Any}:
        return False
    try:
        msgspec.json.schema_components([annotation])
    except TypeError:
        return False
    return True


def _said(handler: HTTPRouteHandler) -> str:
    return handler.response_description or HTTPStatus(handler.status_code).description or "Done."


def _info(api: ApiInfo) -> Document:
    return {
        "title": api.title,
        "version": api.version,
        "description": api.description,
        "contact": {"name": api.owner, "email": api.contact},
        "x-api-id": api.id,
        "x-layer": api.layer,
        "x-owner": api.owner,
        "x-audience": api.audience,
        "x-lifecycle": api.lifecycle,
        "x-slo": dict(api.slo),
        "x-data-classification": api.data_classification,
    }


def _scopes(handlers: Any) -> list[str]:
    return sorted({scope for handler in handlers for scope in scopes_of(handler) or ()})


def _tags(paths: Document) -> Iterator[str]:
    yield from {
        tag for methods in paths.values() for operation in methods.values() for tag in operation.get("tags", ())
    }


def _order(path: str, method: str) -> tuple[str, int]:
    return path, _METHODS.index(method)


def _name(name: str) -> str:
    """`Page_Invoice_`, msgspec's name of Page[Invoice], as `InvoicePage`."""
    match = _GENERIC.match(name)
    return match["part"] + match["whole"] if match else name


def _renamed(node: Any) -> Any:
    if isinstance(node, dict):
        node = {key: _renamed(value) for key, value in node.items()}
        if isinstance(node.get("$ref"), str):
            node["$ref"] = _SCHEMAS + _name(node["$ref"].removeprefix(_SCHEMAS))
        if isinstance(node.get("description"), str):
            node["description"] = cleandoc(node["description"])
        if node.get("format") == "decimal":
            node["pattern"] = DECIMAL_PATTERN
        return node
    return [_renamed(value) for value in node] if isinstance(node, list) else node


def _plain(node: Any) -> Any:
    """Only what JSON has, whole numbers without a fraction: the draft says `minimum: 1.0`."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node


def _once(app: Litestar) -> Document:
    if "contract" not in app.state:
        app.state["contract"] = document(app)
    return cast("Document", app.state["contract"])


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, and with long texts as blocks: people review it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
        return True
