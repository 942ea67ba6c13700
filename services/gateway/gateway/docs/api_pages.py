"""The list of APIs, and a page for each with everything that its contract says."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.contracts import Contract, Lifecycle, Operation, resolve
from gateway.docs.prose import phrase, prose
from gateway.docs.schemas import members, parameters, sample, schema_anchor
from gateway.markup import Child, Markup, code, facts, join, link, page, table, tag

LAYERS = {
    "experience": "Experience APIs: a screen's worth in one call",
    "process": "Process APIs: business processes for partners",
    "system": "System APIs: one per capability, not offered at the edge",
    "gateway": "Gateway",
}


def index_page(contracts: Sequence[Contract], origin: str) -> bytes:
    """Every API, by layer, and how to make a first call."""
    return page(
        "APIs",
        tag("p", "What Syncline offers, straight from the contracts that its services are tested against."),
        *(_layer(layer, [contract for contract in contracts if contract.layer == layer]) for layer in LAYERS),
        _first_call(origin),
    )


def api_page(contract: Contract) -> bytes:
    """One API: what it is, its operations by tag, its schemas."""
    return page(
        f"{contract.title} v{contract.major}",
        _overview(contract),
        prose(contract.description),
        _lifecycle(contract.lifecycle),
        _scopes(contract),
        [_group(contract, name, group) for name, group in _by_tag(contract).items()],
        _schemas(contract),
    )


def state(lifecycle: Lifecycle) -> Markup:
    """The lifecycle's state as a coloured word."""
    return tag("span", lifecycle.state, class_=f"state state-{lifecycle.state}")


def _layer(layer: str, contracts: Sequence[Contract]) -> Child:
    if not contracts:
        return None
    rows: list[tuple[Child, ...]] = [
        (
            link(contract.title, f"/docs/apis/{contract.key}"),
            code(contract.edge_path or contract.key),
            contract.version,
            contract.owner,
            state(contract.lifecycle),
            _slo(contract.slo),
            contract.audience,
        )
        for contract in contracts
    ]
    heads = ("API", "At the edge", "Version", "Owner", "Lifecycle", "SLO", "Audience")
    return tag("section", tag("h2", LAYERS[layer]), table(f"{layer} APIs", heads, rows))


def _first_call(origin: str) -> Markup:
    token = (
        f"curl -u CLIENT_ID:CLIENT_SECRET {origin}/oauth/token \\\n"
        "  -d grant_type=client_credentials -d resource=syncline-process"
    )
    call = f"curl {origin}/process/<api>/v1/... -H 'Authorization: Bearer ACCESS_TOKEN'"
    return tag(
        "section",
        tag("h2", "Your first call", id="first-call"),
        tag(
            "p",
            "Ask for an access token with your client's own secret. Each layer takes only tokens made for it: ",
            code("resource"),
            " says which.",
        ),
        tag("pre", tag("code", token), tabindex=0),
        tag(
            "p",
            "Then call. Commands take an ",
            code("Idempotency-Key"),
            "; repeat one with the same key and it happens once.",
        ),
        tag("pre", tag("code", call), tabindex=0),
        tag(
            "p",
            "Errors are ",
            link("problem documents", "/docs/problems"),
            "; their ",
            code("retryable"),
            " says whether waiting helps.",
        ),
    )


def _overview(contract: Contract) -> Markup:
    return facts(
        {
            "At the edge": code(contract.edge_path) if contract.edge_path else "not offered; for other services only",
            "Version": contract.version,
            "Layer": contract.layer,
            "Owner": contract.owner,
            "Audience": contract.audience,
            "Lifecycle": state(contract.lifecycle),
            "Service level": _slo(contract.slo),
            "Data": contract.data_classification,
            "Contract": link("OpenAPI 3.1, YAML", f"/docs/openapi/{contract.key}.yaml"),
            "Status": link("right now", f"/docs/apis/{contract.key}/status"),
        }
    )


def _lifecycle(lifecycle: Lifecycle) -> Markup:
    return tag(
        "section",
        tag("h2", "Lifecycle", id="lifecycle"),
        facts(
            {
                "State": state(lifecycle),
                "Deprecated since": _day(lifecycle.deprecated_at),
                "Ends": _day(lifecycle.sunset_at),
                "Successor": lifecycle.successor and link(lifecycle.successor, f"/docs/apis/{lifecycle.successor}"),
            }
        ),
    )


def _day(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None


def _scopes(contract: Contract) -> Child:
    schemes = (contract.document.get("components") or {}).get("securitySchemes") or {}
    found: dict[str, str] = {}
    for scheme in schemes.values():
        for flow in (scheme.get("flows") or {}).values():
            found |= flow.get("scopes") or {}
    rows = [(code(name), phrase(meaning)) for name, meaning in found.items()]
    return tag("section", tag("h2", "Scopes"), table("Scopes", ("Scope", "Allows"), rows)) if rows else None


def _by_tag(contract: Contract) -> dict[str, list[Operation]]:
    groups: dict[str, list[Operation]] = {}
    for operation in contract.operations:
        name = str((operation.node.get("tags") or ["Operations"])[0])
        groups.setdefault(name, []).append(operation)
    return groups


def _group(contract: Contract, name: str, operations: Sequence[Operation]) -> Markup:
    title = name.replace("_", " ").replace("-", " ").capitalize()
    return tag("section", tag("h2", title), [_operation(contract, operation) for operation in operations])


def _operation(contract: Contract, operation: Operation) -> Markup:
    node = operation.node
    shared = resolve(contract.document, contract.document["paths"][operation.path]).get("parameters") or []
    return tag(
        "article",
        tag("h3", tag("span", operation.method, class_="method"), " ", code(_address(contract, operation))),
        tag("p", tag("strong", str(node.get("summary", operation.id))), _own_state(contract, operation)),
        prose(node.get("description")),
        _needed(node, contract.document.get("security", [])),
        parameters(contract.document, [*shared, *(node.get("parameters") or [])], "Parameters"),
        _request(contract, node.get("requestBody")),
        _answers(contract, node.get("responses") or {}),
        class_="operation",
        id=operation.id,
    )


def _address(contract: Contract, operation: Operation) -> str:
    """As callers write it; what the edge does not offer (health) as the service itself has it."""
    return contract.edge_prefix + operation.path if operation.path.startswith("/v") else operation.path


def _own_state(contract: Contract, operation: Operation) -> Child:
    return None if operation.lifecycle == contract.lifecycle else (" ", state(operation.lifecycle))


def _needed(node: Mapping[str, Any], everywhere: Sequence[Mapping[str, Sequence[str]]]) -> Child:
    needed = [scope for need in node.get("security", everywhere) for scopes in need.values() for scope in scopes]
    return tag("p", "Scope: ", [(code(scope), " ") for scope in dict.fromkeys(needed)]) if needed else None


def _request(contract: Contract, node: Any) -> Child:
    body = resolve(contract.document, node) if node else None
    return (
        (tag("h4", "Request body"), prose(body.get("description")), _contents(contract, body, "Request body"))
        if body
        else None
    )


def _answers(contract: Contract, nodes: Mapping[Any, Any]) -> Child:
    parts: list[Child] = [tag("h4", "Answers")]
    for status, node in nodes.items():
        answer = resolve(contract.document, node)
        headers = [
            {"name": name, "in": "header", **resolve(contract.document, header)}
            for name, header in (answer.get("headers") or {}).items()
        ]
        parts.append(
            tag(
                "details",
                tag("summary", tag("strong", str(status)), " ", phrase(answer.get("description"))),
                parameters(contract.document, headers, f"Headers of {status}"),
                _contents(contract, answer, f"Body of {status}"),
                open=str(status).startswith("2"),
            )
        )
    return parts


def _contents(contract: Contract, holder: Mapping[str, Any], caption: str) -> Child:
    return [
        (
            tag("p", code(media), class_="quiet"),
            members(contract.document, content.get("schema", True), f"{caption}, {media}"),
            [_example(contract, example) for example in _examples(content)],
        )
        for media, content in (holder.get("content") or {}).items()
    ]


def _examples(content: Mapping[str, Any]) -> Sequence[Any]:
    if named := content.get("examples"):
        return list(named.values())
    return [{"value": content["example"]}] if "example" in content else []


def _example(contract: Contract, node: Any) -> Child:
    example = resolve(contract.document, node)
    return (
        tag("p", "Example", (": ", phrase(example["summary"])) if "summary" in example else None),
        sample(example.get("value")),
    )


def _schemas(contract: Contract) -> Child:
    schemas = (contract.document.get("components") or {}).get("schemas") or {}
    if not schemas:
        return None
    return tag("section", tag("h2", "Schemas"), [_schema(contract, name, schema) for name, schema in schemas.items()])


def _schema(contract: Contract, name: str, schema: Any) -> Markup:
    text = schema.get("description") if isinstance(schema, Mapping) else None
    return tag(
        "article",
        tag("h3", name),
        prose(text),
        members(contract.document, schema, name),
        class_="operation",
        id=schema_anchor(name),
    )


def _slo(slo: Any) -> Child:
    if isinstance(slo, Mapping):
        return join([tag("div", f"{str(name).replace('_', ' ')}: {value}") for name, value in slo.items()])
    return str(slo) if isinstance(slo, str | int | float) else (json.dumps(slo) if slo else None)
