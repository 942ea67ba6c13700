"""Roads past the layers: paths to what the edge does not offer, and services asked from the side."""

from __future__ import annotations

from attacking import Answer, Attacker
from hostile_case import Case, Send

GROUP = "layer skipping"
EXCEPTIONS = "operations/v1/exceptions"


def _edge(path: str, method: str = "GET", layer: str = "system", **headers: str) -> Send:
    """To the edge, the path as it is spelled, with a sound token of a layer."""

    async def send(it: Attacker) -> Answer:
        token = it.forge.token(layer)
        head = f"{method} {path} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n"
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return await it.raw(f"{head}{more}\r\n".encode())

    return send


def _side(service: str, path: str, layer: str) -> Send:
    """To a service's own port, with a token that another layer takes."""

    async def send(it: Attacker) -> Answer:
        headers = {"Authorization": f"Bearer {it.forge.token(layer)}"}
        return await it.ask("GET", f"{it.service(service)}/{path}", headers=headers)

    return send


async def _read_by_override(it: Attacker) -> Answer:
    """Every header that some framework takes for the method or the path: the listing comes all the same."""
    lies = {"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/v1/bindings", "X-Envoy-Original-Path": "/v1/x"}
    answer = await it.process("GET", EXCEPTIONS, headers=lies)
    assert {"items", "next"} == answer.json().keys()
    return answer


def _nothing_there(name: str, sent: str, path: str) -> Case:
    return Case(name=name, group=GROUP, sent=sent, status=404, code="not_found", send=_edge(path))


def _other_layer(name: str, sent: str, service: str, path: str, layer: str) -> Case:
    return Case(name=name, group=GROUP, sent=sent, status=401, code="invalid_token", send=_side(service, path, layer))


CASES = (
    _nothing_there("system-path", "`/system/crm/v1/opportunities` at the edge", "/system/crm/v1/opportunities"),
    _nothing_there(
        "system-as-a-process", "`/process/crm/v1/opportunities` at the edge", "/process/crm/v1/opportunities"
    ),
    _nothing_there("bare-path", "`/v1/opportunities` at the edge", "/v1/opportunities"),
    _nothing_there(
        "dots-to-the-system-layer",
        "`/process/operations/../../system/crm/v1/opportunities`",
        "/process/operations/../../system/crm/v1/opportunities",
    ),
    _nothing_there("dots-out-of-a-hook", "`/hooks/stripe-de/../../v1/invoices`", "/hooks/stripe-de/../../v1/invoices"),
    _nothing_there("below-a-hook", "`/hooks/stripe-de/v1/invoices`", "/hooks/stripe-de/v1/invoices"),
    _nothing_there("hook-that-delivers-nothing", "a hook of a connection that delivers nothing", "/hooks/salesforce"),
    _nothing_there("health-of-a-service", "a service's own health page", "/process/operations/health/ready"),
    _nothing_there("edge-settings", "`/config_dump` of the edge's administration", "/config_dump"),
    _nothing_there("edge-stop", "`/quitquitquit` of the edge's administration", "/quitquitquit"),
    _nothing_there("vendor-control", "the control door of a vendor's sandbox", "/_sandbox/journal"),
    Case(
        name="escaped-slash",
        group=GROUP,
        sent="`/process/operations%2f..%2f..%2fsystem`, its slashes escaped",
        status=400,
        code="malformed_request",
        traced=False,
        send=_edge("/process/operations%2f..%2f..%2fsystem"),
    ),
    Case(
        name="escaped-backslash",
        group=GROUP,
        sent="`/process/operations/v1/exceptions%5c..%5c..`",
        status=400,
        code="malformed_request",
        traced=False,
        send=_edge("/process/operations/v1/exceptions%5c..%5c..", layer="process"),
    ),
    Case(
        name="reading-a-hook",
        group=GROUP,
        sent="`GET /hooks/stripe-de`",
        status=405,
        code="method_not_allowed",
        send=_edge("/hooks/stripe-de"),
    ),
    Case(
        name="method-override",
        group=GROUP,
        sent="a listing with `X-HTTP-Method-Override: DELETE` and other people's paths in headers",
        status=200,
        send=_read_by_override,
    ),
    _other_layer(
        "process-by-experience",
        "an experience token to a process API's own port",
        "process-project-onboarding",
        "v1/onboardings",
        "experience",
    ),
    _other_layer(
        "system-by-process",
        "a process token to a system API's own port",
        "system-crm",
        "v1/opportunities?connection=salesforce",
        "process",
    ),
    _other_layer(
        "pay-by-experience",
        "an experience token to the system API that knows what people cost",
        "system-hr",
        "v1/workers?connection=workday",
        "experience",
    ),
    _other_layer(
        "experience-by-process",
        "a process token to the experience API's own port",
        "experience",
        "v1/overview",
        "process",
    ),
)
