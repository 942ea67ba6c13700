"""The change feed over CometD long polling. Source: "Streaming API Developer Guide"; Bayeux protocol 1.0.

A client shakes hands, subscribes to `/data/...ChangeEvent` with a replay id, and connects again and again; each
connect waits until there are events. A client that the server no longer knows must shake hands again.
"""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandboxkit.app import Context
from system_apis.crm.salesforce.sandbox.changes import ChangeLog
from system_apis.crm.salesforce.sandbox.oauth import Sessions
from system_apis.crm.salesforce.sandbox.records import Row
from system_apis.crm.salesforce.sandbox.refusals import Refusal, answer

HOLD_S = 110.0  # how long a connect waits for events
NEW_ONLY, ALL_KEPT = -1, -2


@dataclass
class _Client:
    """One client's subscriptions: channel -> replay id of the last event that it was sent; and what comes again."""

    subscribed: dict[str, int] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)
    connects: int = 0


class Streaming:
    """The clients that shook hands. A restart forgets them."""

    def __init__(self, context: Context, log: ChangeLog, sessions: Sessions) -> None:
        self._hold_s = float(context.config.get("feed_hold_s", HOLD_S))
        self._log = log
        self._sessions = sessions
        self._clients: dict[str, _Client] = {}

    async def endpoint(self, request: Request) -> Response:
        """All CometD messages come here, several at once if the client likes."""
        try:
            self._sessions.user(request.headers.get("authorization", ""))
            authentic = True
        except Refusal:
            authentic = False
        messages = await request.json()
        replies: list[Row] = []
        for message in messages if isinstance(messages, list) else [messages]:
            replies += await self._answered(message, authentic=authentic)
        return answer(200, replies)

    async def redeliver(self, replay_ids: list[int]) -> int:
        """Send those events again to every subscriber of theirs; says how often that was."""
        sent = 0
        for replay_id in replay_ids:
            event = self._log.get(replay_id)
            for client in self._clients.values():
                if event is not None and self._channel(client, event) is not None:
                    client.again.append(replay_id)
                    sent += 1
        await self._log.tell()
        return sent

    async def forget_clients(self) -> int:
        """As after a server's restart: every client must shake hands again."""
        gone = len(self._clients)
        self._clients.clear()
        await self._log.tell()
        return gone

    def subscribers(self) -> dict[str, int]:
        """How many clients are subscribed to each channel."""
        return dict(Counter(channel for client in self._clients.values() for channel in client.subscribed))

    async def _answered(self, message: Row, *, authentic: bool) -> list[Row]:
        channel = message.get("channel")
        if not authentic:
            return [_unauthentic(message)]
        if channel == "/meta/handshake":
            return [self._handshake(message)]
        client_id = str(message.get("clientId", ""))
        client = self._clients.get(client_id)
        if client is None:
            return [_unknown_client(message)]
        if channel == "/meta/connect":
            return await self._connected(message, client_id, client)
        return [self._managed(message, client_id, client)]

    def _managed(self, message: Row, client_id: str, client: _Client) -> Row:
        match message.get("channel"):
            case "/meta/subscribe":
                return self._subscribed(message, client)
            case "/meta/unsubscribe":
                client.subscribed.pop(str(message.get("subscription")), None)
                return _reply(message, subscription=message.get("subscription"))
            case "/meta/disconnect":
                del self._clients[client_id]
                return _reply(message)
        return _reply(message, successful=False, error="400::Unknown channel")

    def _handshake(self, message: Row) -> Row:
        client_id = secrets.token_hex(14)
        self._clients[client_id] = _Client()
        return _reply(
            message,
            clientId=client_id,
            version="1.0",
            minimumVersion="1.0",
            supportedConnectionTypes=["long-polling"],
            ext={"replay": True, "payload.format": True},
        )

    def _subscribed(self, message: Row, client: _Client) -> Row:
        channel = str(message.get("subscription"))
        if channel not in self._log.channels:
            error = (
                f"403:denied_by_security_policy:create_denied The channel you requested, {channel}, is not available."
            )
            return _reply(message, successful=False, subscription=channel, error=error)
        replay = ((message.get("ext") or {}).get("replay") or {}).get(channel, NEW_ONLY)
        if replay == NEW_ONLY:
            client.subscribed[channel] = self._log.last()
        elif replay == ALL_KEPT:
            client.subscribed[channel] = 0
        elif self._log.oldest() - 1 <= replay <= self._log.last():
            client.subscribed[channel] = int(replay)
        else:
            error = (
                f"400::The replayId {{{replay}}} you provided was invalid.  Please provide a valid ID, -2 to replay all"
                " events, or -1 to replay only new events."
            )
            return _reply(message, successful=False, subscription=channel, error=error)
        return _reply(message, subscription=channel)

    async def _connected(self, message: Row, client_id: str, client: _Client) -> list[Row]:
        """The events so far, or those that come while the request is held."""
        client.connects += 1
        number = client.connects
        events = self._due(client)
        if not events and number > 1:
            await self._wait(client_id, client, number)
            if client_id not in self._clients:
                return [_unknown_client(message)]
            events = self._due(client)
        advice = {"interval": 0, "timeout": int(self._hold_s * 1000), "reconnect": "retry"}
        return [*events, _reply(message, clientId=client_id, advice=advice)]

    async def _wait(self, client_id: str, client: _Client, number: int) -> None:
        """Until there is an event, the client is gone, or it has connected anew; at most as long as a connect holds."""

        def ready() -> bool:
            return self._clients.get(client_id) is not client or client.connects != number or self._has_due(client)

        try:
            async with asyncio.timeout(self._hold_s), self._log.arrived:
                await self._log.arrived.wait_for(ready)
        except TimeoutError:
            return

    def _has_due(self, client: _Client) -> bool:
        if client.again:
            return True
        channels = self._log.channels
        return any(self._log.since(last, channels[channel]) for channel, last in client.subscribed.items())

    def _due(self, client: _Client) -> list[Row]:
        """What the client has not been sent yet, and what it is to be sent again."""
        due: list[Row] = []
        for channel, last in client.subscribed.items():
            events = self._log.since(last, self._log.channels[channel])
            due += [_delivered(channel, event) for event in events]
            client.subscribed[channel] = max([last, *(event["replayId"] for event in events)])
        for replay_id in client.again:
            event = self._log.get(replay_id)
            channel_again = self._channel(client, event) if event is not None else None
            if event is not None and channel_again is not None:
                due.append(_delivered(channel_again, event))
        client.again.clear()
        return due

    def _channel(self, client: _Client, event: Row) -> str | None:
        """The client's subscription that carries the event."""
        entity = event["payload"]["ChangeEventHeader"]["entityName"]
        return next((channel for channel in client.subscribed if entity in self._log.channels[channel]), None)


def _delivered(channel: str, event: Row) -> Row:
    data = {"schema": "sandbox", "payload": event["payload"], "event": {"replayId": event["replayId"]}}
    return {"channel": channel, "data": data}


def _reply(message: Row, *, successful: bool = True, **more: Any) -> Row:
    reply: Row = {"channel": message.get("channel"), "successful": successful} | more
    return reply | ({"id": message["id"]} if "id" in message else {})


def _unknown_client(message: Row) -> Row:
    advice = {"interval": 0, "reconnect": "handshake"}
    return _reply(message, successful=False, error="403::Unknown client", advice=advice)


def _unauthentic(message: Row) -> Row:
    """Not an HTTP 401: CometD tells it in the message, and on a handshake only in its extension."""
    advice = {"interval": 0, "reconnect": "none"}
    if message.get("channel") == "/meta/handshake":
        ext = {"sfdc": {"failureReason": "401::Authentication invalid"}}
        return _reply(message, successful=False, error="403::Handshake denied", ext=ext, advice=advice)
    return _reply(message, successful=False, error="401::Authentication invalid", advice=advice)
