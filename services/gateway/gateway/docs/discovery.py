"""What machines find out about the APIs. Sources: RFC 9727 (api-catalog), RFC 9264 (linkset), RFC 8631, RFC 9728."""

from collections.abc import Sequence
from typing import Any

from gateway.contracts import ENDED, Contract

OFFERED = ("experience", "process")
PROFILE = "https://www.rfc-editor.org/info/rfc9727"


def linkset(contracts: Sequence[Contract], origin: str) -> dict[str, Any]:
    """The catalogue of the APIs that callers reach at the edge."""
    return {"linkset": [_links(contract, origin) for contract in contracts if _is_offered(contract)]}


def protected_resource(contracts: Sequence[Contract], origin: str, issuer: str, path: str) -> dict[str, Any] | None:
    """The metadata of a layer (*path* `process`) or API (`process/project-onboarding/v1`); None for anything else."""
    resource = "/" + path.strip("/")
    covered = [c for c in contracts if resource in {c.edge_path, f"/{c.layer}"}]
    if not covered:
        return None
    return {
        "resource": origin + resource,
        "resource_name": covered[0].title if len(covered) == 1 else f"Syncline {covered[0].layer} APIs",
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": sorted({scope for contract in covered for scope in _scopes(contract)}),
        "resource_documentation": f"{origin}/docs/apis/{covered[0].key}" if len(covered) == 1 else f"{origin}/docs",
    }


def _is_offered(contract: Contract) -> bool:
    return contract.layer in OFFERED and contract.lifecycle.state not in ENDED


def _links(contract: Contract, origin: str) -> dict[str, Any]:
    page = f"{origin}/docs/apis/{contract.key}"
    return {
        "anchor": origin + contract.edge_path,
        "service-desc": [{"href": f"{origin}/docs/openapi/{contract.key}.yaml", "type": "application/yaml"}],
        "service-doc": [{"href": page, "type": "text/html"}],
        "status": [{"href": f"{page}/status", "type": "application/json"}],
    }


def _scopes(contract: Contract) -> set[str]:
    everywhere = contract.document.get("security", [])
    return {
        scope
        for operation in contract.operations
        for need in operation.node.get("security", everywhere)
        for scopes in need.values()
        for scope in scopes
    }
