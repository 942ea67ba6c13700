"""Webhook endpoints and the deliveries to them: real requests, signed, tried a few times.

Sources: docs.stripe.com/api/webhook_endpoints, docs.stripe.com/webhooks (signatures; a sandbox tries three times).
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import listing
from system_apis.billing.stripe.sandbox.accounts import API_VERSION, Account, Call, changed, new_metadata
from system_apis.billing.stripe.sandbox.door import Endpoint
from system_apis.billing.stripe.sandbox.parameters import (
    NOTHING,
    PAGE,
    Shape,
    listed,
    metadata,
    one_of,
    text,
    truth,
)
from system_apis.billing.stripe.sandbox.refusals import Body, invalid
from system_apis.billing.stripe.sandbox.rendering import answered, shown

# The vendor waits hours between the tries of a sandbox; nobody can wait that long for a demonstration.
PAUSES_S = (1.0, 5.0)
TIMEOUT_S = 10.0


class Deliveries:
    """Sends events to the endpoints that asked for them, at least once and in no particular order."""

    def __init__(self, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._pauses_s = tuple(pauses_s)
        self._under_way: set[asyncio.Task[None]] = set()
        self._http: httpx.AsyncClient | None = None

    def deliver(self, account: Account, event: Record) -> int:
        """Begin to deliver; returns to how many endpoints."""
        wanting = account.find("webhook_endpoint", lambda endpoint: _wants(endpoint, event["type"]))
        if wanting:
            account.save("event", event | {"pending_webhooks": len(wanting)})
        for endpoint in wanting:
            task = asyncio.get_running_loop().create_task(self._try(account, endpoint, event["id"]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(wanting)

    async def _try(self, account: Account, endpoint: Record, event_id: str) -> None:
        for pause_s in (0.0, *self._pauses_s):
            await asyncio.sleep(pause_s)
            if await self._arrives(account, endpoint, event_id):
                event = account.get("event", event_id)
                if event is not None:
                    account.save("event", event | {"pending_webhooks": event["pending_webhooks"] - 1})
                return

    async def _arrives(self, account: Account, endpoint: Record, event_id: str) -> bool:
        event = account.get("event", event_id)
        if event is None:  # the sandbox was cleared in the meantime
            return True
        content = json.dumps(shown(account, event | {"api_version": endpoint["api_version"] or API_VERSION}), indent=2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(content.encode(), endpoint["_secret"], account.now()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = await self._client().post(endpoint["url"], content=content.encode(), headers=headers)
        except httpx.TransportError:
            return False
        return answer.is_success

    def _client(self) -> httpx.AsyncClient:
        """Made when first needed; keeps no connection, so that there is nothing to close."""
        if self._http is None:
            limits = httpx.Limits(max_keepalive_connections=0)
            self._http = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, limits=limits)
        return self._http


def signature(content: bytes, secret: str, at: int) -> str:
    """The Stripe-Signature header of a body that is sent at a moment."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def endpoints() -> list[Endpoint]:
    fields = {
        "url": text(unset=False),
        "enabled_events": listed(text(unset=False)),
        "description": text(),
        "metadata": metadata,
    }
    create = Shape("url", "enabled_events", **fields, api_version=one_of(API_VERSION, unset=True), connect=truth)
    return [
        Endpoint("POST", "/v1/webhook_endpoints", create, _create),
        Endpoint("GET", "/v1/webhook_endpoints", Shape(**PAGE), _list),
        Endpoint("GET", "/v1/webhook_endpoints/{id}", NOTHING, _retrieve),
        Endpoint("POST", "/v1/webhook_endpoints/{id}", Shape(**fields, disabled=truth), _update),
        Endpoint("DELETE", "/v1/webhook_endpoints/{id}", NOTHING, _delete),
    ]


def _create(call: Call) -> Body:
    _check_url(call.given["url"])
    account = call.account
    record: Record = {
        "id": account.new_id("we", 24),
        "object": "webhook_endpoint",
        "api_version": call.given.get("api_version"),
        "application": None,
        "created": account.now(),
        "description": call.given.get("description"),
        "enabled_events": call.given["enabled_events"],
        "livemode": account.livemode,
        "metadata": new_metadata(call),
        "status": "enabled",
        "url": call.given["url"],
        "_secret": account.webhook_secret or account.new_id("whsec", 32),
    }
    account.insert("webhook_endpoint", record)
    return answered(call, record) | {"secret": record["_secret"]}  # never shown again


def _update(call: Call) -> Body:
    held = call.account.require("webhook_endpoint", call.id)
    if "url" in call.given:
        _check_url(call.given["url"])
    record = changed(call, held, "url", "enabled_events", "description")
    if "disabled" in call.given:
        record["status"] = "disabled" if call.given["disabled"] else "enabled"
    return answered(call, call.account.save("webhook_endpoint", record))


def _list(call: Call) -> Body:
    return listing.page(call, "/v1/webhook_endpoints", list(call.account.all("webhook_endpoint")), "webhook endpoint")


def _retrieve(call: Call) -> Body:
    return answered(call, call.account.require("webhook_endpoint", call.id))


def _delete(call: Call) -> Body:
    held = call.account.require("webhook_endpoint", call.id)
    return listing.deletion(call.account, "webhook_endpoint", held, trace=False)


def _check_url(url: str) -> None:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid")


def _wants(endpoint: Record, kind: str) -> bool:
    return endpoint["status"] == "enabled" and not {"*", kind}.isdisjoint(endpoint["enabled_events"])
