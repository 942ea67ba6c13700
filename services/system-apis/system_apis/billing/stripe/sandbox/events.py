"""Events: a snapshot of every change, listed for 30 days, and delivered to webhook endpoints.

Sources: docs.stripe.com/api/events, docs.stripe.com/webhooks.
"""

from collections.abc import Callable
from datetime import timedelta
from fnmatch import fnmatchcase

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import listing
from system_apis.billing.stripe.sandbox.accounts import Account, Call
from system_apis.billing.stripe.sandbox.door import Endpoint
from system_apis.billing.stripe.sandbox.parameters import NOTHING, PAGE, Shape, created, listed, text, truth
from system_apis.billing.stripe.sandbox.refusals import Body, invalid, missing_resource
from system_apis.billing.stripe.sandbox.rendering import answered, shown

KEPT = timedelta(days=30)


class Events:
    """Writes events down and hands them to whoever delivers them."""

    def __init__(self, deliver: Callable[[Account, Record], int]) -> None:
        self._deliver = deliver

    def announce(self, call: Call, kind: str, record: Record, former: Record | None = None) -> None:
        """`kind` happened to the record; `former` is what it was before an update. No difference, no event."""
        account = call.account
        body = shown(account, record)
        data: Body = {"object": body}
        if former is not None:
            previous = _previous(shown(account, former), body)
            if not previous:
                return
            data["previous_attributes"] = previous
        event: Body = {
            "id": account.new_id("evt", 24),
            "object": "event",
            "api_version": account.api_version,
            "created": account.now(),
            "data": data,
            "livemode": account.livemode,
            "pending_webhooks": 0,
            "request": {"id": call.request_id, "idempotency_key": call.key},
            "type": kind,
        }
        account.insert("event", event)
        self._deliver(account, event)


def _previous(before: Body, after: Body) -> Body:
    """What the changed fields were; of a hash only what changed within it."""
    result: Body = {}
    for name in after:
        old, new = before.get(name), after[name]
        if old == new or name == "lines":
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            old = {key: old.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}
        result[name] = old
    return result


def endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            "GET",
            "/v1/events",
            Shape(
                **PAGE,
                created=created,
                delivery_success=truth,
                type=text(unset=False),
                types=listed(text(unset=False), most=20),
            ),
            _list,
        ),
        Endpoint("GET", "/v1/events/{id}", NOTHING, _retrieve),
    ]


def _list(call: Call) -> Body:
    given = call.given
    if "type" in given and "types" in given:
        raise invalid("You may only specify one of these parameters: type, types.", "type")
    patterns: list[str] = given.get("types") or ([given["type"]] if "type" in given else ["*"])
    since = _oldest(call.account)

    def matches(event: Record) -> bool:
        delivered = event["pending_webhooks"] == 0
        return (
            event["created"] >= since
            and any(fnmatchcase(event["type"], pattern) for pattern in patterns)
            and listing.within(given.get("created"), event["created"])
            and given.get("delivery_success", delivered) is delivered
        )

    return listing.page(call, "/v1/events", call.account.find("event", matches), "event")


def _retrieve(call: Call) -> Body:
    event = call.account.require("event", call.id)
    if event["created"] < _oldest(call.account):
        raise missing_resource("event", call.id)
    return answered(call, event)


def _oldest(account: Account) -> int:
    return account.now() - int(KEPT.total_seconds())
