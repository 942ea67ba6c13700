"""Salesforce as a sandbox: OAuth, REST API v67.0, composite calls, change feed over CometD. See ../README.md.

Control actions: `redeliver` {replay_ids | record_id | last} sends change events again; `gap` {entity, record_ids,
change_type} announces changes without data; `expire_sessions`; `forget_clients` (all must shake hands
again); `subscribers` counts those of each channel.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandboxkit.app import Context, Dialect, create_sandbox
from system_apis.crm.salesforce.sandbox.changes import ChangeLog
from system_apis.crm.salesforce.sandbox.composite import Composites
from system_apis.crm.salesforce.sandbox.oauth import Sessions
from system_apis.crm.salesforce.sandbox.records import Records, Row
from system_apis.crm.salesforce.sandbox.refusals import (
    Refusal,
    answer,
    invalid_session,
    not_found,
    outage,
    refused,
    throttled,
)
from system_apis.crm.salesforce.sandbox.rest import FIRST_VERSION, LAST_VERSION, Call, DataApi, read_body
from system_apis.crm.salesforce.sandbox.schema import schema
from system_apis.crm.salesforce.sandbox.streaming import Streaming

MAX_REQUEST_LINE = 16_384
FED = ("Account", "Opportunity", "Contract")
_VERSIONED = re.compile(r"/services/data/v(\d+)\.0(?:/|$)(.*)")


def create_sandbox_app(context: Context) -> ASGIApp:
    """The organisation as an ASGI application; its state is in the context's store."""
    org = Organisation(context)
    routes = [
        Route("/services/oauth2/token", org.sessions.token, methods=["POST"]),
        Route("/services/oauth2/revoke", org.sessions.revoke, methods=["POST"]),
        Route("/services/data", org.versions, methods=["GET"]),
        Route("/services/data/", org.versions, methods=["GET"]),
        Route("/services/data/{rest:path}", org.data, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        Route("/cometd/{version}", org.streaming.endpoint, methods=["POST"]),
    ]
    actions = {
        "redeliver": org.redeliver,
        "gap": org.gap,
        "expire_sessions": org.expire_sessions,
        "forget_clients": org.forget_clients,
        "subscribers": org.subscribers,
    }
    return create_sandbox(context, Dialect(outage, throttled, invalid_session), routes, actions)


class Organisation:
    """One Salesforce organisation, its doors wired to its records."""

    def __init__(self, context: Context) -> None:
        described = schema(multi_currency=bool(context.config.get("multi_currency", True)))
        records = Records(context.store, described, context.clock)
        self.log = ChangeLog(records, tuple(context.config.get("change_entities", FED)))
        self.sessions = Sessions(context, records)
        self.api = DataApi(context, records, self.log)
        self.composites = Composites(self.api)
        self.streaming = Streaming(context, self.log, self.sessions)

    async def versions(self, _: Request) -> Response:
        """No token needed."""
        labels = ("Winter '{}", "Spring '{}", "Summer '{}")
        found = []
        for number in range(FIRST_VERSION, LAST_VERSION + 1):
            # Three a year, counted from Summer '14 (version 31); version 67 is Summer '26.
            year, season = divmod(number - 2, 3)
            label = labels[season].format(year + 5)
            found.append({"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
        return answer(200, found)

    async def data(self, request: Request) -> Response:
        """Everything below a version."""
        path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
        if len(path) + len(request.url.query) > MAX_REQUEST_LINE:
            return HTMLResponse("<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", 414)
        try:
            call = await self._call(request, path)
            self.api.count_call()
            composite = call.path.strip("/").split("/")[0] == "composite"
            reply = (self.composites if composite else self.api).answer(call)
        except Refusal as refusal:
            return self._told(refused(refusal))
        if call.method != "GET":
            await self.log.tell()
        return self._told(answer(reply.status, reply.body, reply.headers))

    async def redeliver(self, wanted: Row) -> Any:
        """Events again: by `replay_ids`, by the `record_id` they tell of (the last one), or the `last` so many."""
        events = self.log.since(0, self.log.entities)
        if "record_id" in wanted:
            named = [e for e in events if wanted["record_id"] in e["payload"]["ChangeEventHeader"]["recordIds"]]
            chosen = [event["replayId"] for event in named[-1:]]
        elif "replay_ids" in wanted:
            chosen = [int(replay_id) for replay_id in wanted["replay_ids"]]
        else:
            chosen = [event["replayId"] for event in events[-int(wanted.get("last", 1)) :]]
        return {"replay_ids": chosen, "deliveries": await self.streaming.redeliver(chosen)}

    async def gap(self, wanted: Row) -> Any:
        kind = wanted.get("change_type", "GAP_UPDATE")
        replay_id = self.log.append_gap(wanted["entity"], list(wanted["record_ids"]), kind)
        await self.log.tell()
        return {"replay_id": replay_id}

    async def expire_sessions(self, _: Row) -> Any:
        return {"expired": self.sessions.expire_all()}

    async def forget_clients(self, _: Row) -> Any:
        return {"forgotten": await self.streaming.forget_clients()}

    async def subscribers(self, _: Row) -> Any:
        return self.streaming.subscribers()

    async def _call(self, request: Request, path: str) -> Call:
        user_id = self.sessions.user(request.headers.get("authorization", ""))
        found = _VERSIONED.fullmatch(path)
        if found is None or not FIRST_VERSION <= int(found[1]) <= LAST_VERSION:
            raise not_found()
        return Call(
            method=request.method,
            path=found[2],
            params=dict(request.query_params),
            body=read_body(await request.body()),
            version=f"{found[1]}.0",
            user_id=user_id,
            headers=dict(request.headers),
        )

    def _told(self, response: Response) -> Response:
        """Every answer says how much of the day's calls is used."""
        calls, most = self.api.used()
        response.headers["Sforce-Limit-Info"] = f"api-usage={calls}/{most}"
        return response
