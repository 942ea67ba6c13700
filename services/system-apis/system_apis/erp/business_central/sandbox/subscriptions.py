"""Webhooks: subscriptions with a handshake, and notifications that name changed records and nothing more.

Source: Microsoft's dynamics-subscriptions.md. Projects, dimension values and tax groups send none.
"""

import asyncio
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx

from sandboxkit.app import Context
from system_apis.erp.business_central.sandbox.books import etag
from system_apis.erp.business_central.sandbox.entities import BY_API
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.refusals import Refusal, bad_request, no_record
from system_apis.erp.business_central.sandbox.shapes import STANDARD, Entity

KIND = "subscriptions"
LIFETIME = timedelta(days=3)
DELAY_S = 30.0  # changes are gathered this long after the first
MOST_CHANGES = 1000
KEPT_STATUSES = {408, 429}  # and 5xx: tried again; any other refusal ends the subscription
TRIES = 3
_RESOURCE = re.compile(r"/?api/v2\.0/companies\((?P<company>[0-9a-fA-F-]{36})\)/(?P<set>\w+)")


class Subscriptions:
    """Registers addresses and tells them what changed. `notification_delay_s` in config shortens the wait."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._delay_s = float(context.config.get("notification_delay_s", DELAY_S))
        self._pending: dict[str, dict[str, Row]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def all(self) -> list[Row]:
        now = self._context.clock.now()
        return [row for row in self._context.store.all(KIND) if _moment(row) > now]

    def get(self, wanted: str) -> Row:
        """Raises Refusal 404."""
        row = next((row for row in self.all() if row["subscriptionId"] == wanted), None)
        if row is None:
            raise no_record("Subscription", wanted)
        return row

    async def create(self, body: Any) -> Row:
        if not isinstance(body, dict) or not body.get("notificationUrl") or not body.get("resource"):
            raise bad_request(
                "Field 'notificationUrl' must not be blank or empty.", "BadRequest_RequiredParamNotProvided"
            )
        match = _RESOURCE.fullmatch(str(body["resource"]))
        if match is None or match["set"] not in BY_API[STANDARD] or not BY_API[STANDARD][match["set"]].webhooks:
            raise bad_request(f"The resource '{body['resource']}' does not support webhooks.")
        row = {
            "subscriptionId": uuid.uuid4().hex,
            "notificationUrl": str(body["notificationUrl"]),
            "resource": str(body["resource"]).lstrip("/"),
            "clientState": str(body.get("clientState", "")),
        }
        return await self._confirmed(row)

    async def renew(self, row: Row) -> Row:
        """For another three days, after another handshake."""
        return await self._confirmed(row)

    def delete(self, row: Row) -> None:
        self._context.store.delete(KIND, row["subscriptionId"])

    def changed(self, entity: Entity, row: Row, change: str) -> None:
        """A record was created, updated or deleted: whoever subscribed to its set hears of it after a while."""
        if not entity.webhooks or entity.api != STANDARD:
            return
        resource = f"api/v2.0/companies({row['companyId']})/{entity.set_name}"
        for subscription in self.all():
            if subscription["resource"].lower() == resource.lower():
                self._gather(subscription["subscriptionId"], f"{resource}({row['id']})", row, change)

    def _gather(self, subscription: str, resource: str, row: Row, change: str) -> None:
        waiting = self._pending.setdefault(subscription, {})
        first = not waiting
        waiting[resource] = {"changeType": change, "lastModifiedDateTime": row["lastModifiedDateTime"]}
        if first:
            task = asyncio.get_running_loop().create_task(self._deliver(subscription))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, subscription: str) -> None:
        await asyncio.sleep(self._delay_s)
        changes = self._pending.pop(subscription, {})
        for number in range(TRIES):
            row = self._context.store.get(KIND, subscription)
            if row is None or await self._told(row, changes):
                return
            await asyncio.sleep(self._delay_s * (number + 1))

    async def _told(self, row: Row, changes: dict[str, Row]) -> bool:
        """Whether this is over: taken, or refused for good, which ends the subscription."""
        shared = {name: row[name] for name in ("subscriptionId", "clientState", "expirationDateTime")}
        value = [shared | {"resource": resource} | change for resource, change in changes.items()]
        if len(value) > MOST_CHANGES:
            since = min(change["lastModifiedDateTime"] for change in changes.values())
            resource = f"{row['resource']}?$filter=lastDateTimeModified gt {since}"
            value = [shared | {"resource": resource, "changeType": "collection", "lastModifiedDateTime": since}]
        try:
            async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
                answer = await http.post(row["notificationUrl"], json={"value": value})
        except httpx.HTTPError:
            return False
        if answer.is_success:
            return True
        if answer.status_code in KEPT_STATUSES or answer.is_server_error:
            return False
        self.delete(row)
        return True

    async def _confirmed(self, row: Row) -> Row:
        """The handshake: the address answers 200 with the token it is sent."""
        token = uuid.uuid4().hex
        refused = Refusal(400, "BadRequest", "Subscription validation request failed. Must respond with 200 and token.")
        try:
            async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
                answer = await http.post(row["notificationUrl"], params={"validationToken": token})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise refused from error
        if answer.status_code != 200 or answer.text != token:
            raise refused
        ends = (self._context.clock.now() + LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._context.store.put(KIND, row["subscriptionId"], row | {"expirationDateTime": ends})


def shown_subscription(row: Row) -> Row:
    return {"@odata.etag": etag(row)} | row


def _moment(row: Row) -> datetime:
    return datetime.fromisoformat(row["expirationDateTime"])
