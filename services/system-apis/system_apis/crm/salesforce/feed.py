"""Salesforce's change feed as hints: Change Data Capture over CometD long polling.

Source: Change Data Capture Developer Guide and Streaming API Developer Guide, v67.0. The feed is at least once and may
have gaps; what is lost while we are away comes with the poll.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import structlog

from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.crm.salesforce.errors import failure_of
from system_apis.crm.salesforce.session import Session
from system_apis.crm.salesforce.settings import Settings
from system_apis.listing import Hint

CHANNEL = "/data/OpportunityChangeEvent"
NEW_ONLY = -1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
# Not an id: `006*` for all records of a type, and the id of a transaction with too many changes to tell.
_RECORD_ID = re.compile(r"(?!0{15})[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)
_log = structlog.get_logger(__name__)


class _Header(msgspec.Struct, frozen=True, rename="camel"):
    entity_name: str = ""
    record_ids: tuple[str, ...] = ()


class _Payload(msgspec.Struct, frozen=True):
    header: _Header = msgspec.field(name="ChangeEventHeader", default_factory=_Header)


class _Place(msgspec.Struct, frozen=True, rename="camel"):
    replay_id: int | None = None


class _Data(msgspec.Struct, frozen=True):
    payload: _Payload = _Payload()
    event: _Place = _Place()


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    """A CometD message; everything but the channel may be absent."""

    channel: str
    successful: bool = True
    client_id: str = ""
    error: str = ""
    data: _Data | None = None


class ChangeFeed:
    """Follows the feed of one organisation. Remembers in memory how far it is, to go on there after a loss."""

    def __init__(
        self,
        session: Session,
        upstream: Callable[[str], Upstream],
        settings: Settings,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._upstream = upstream
        self._settings = settings
        self._sleep = sleep
        self._numbers = itertools.count(1)
        self._last: int | None = None
        self._client_id = ""

    async def hints(self) -> AsyncIterator[Hint]:
        """Until it is no longer read. Connects again by itself, at once after a loss and then ever more slowly."""
        pause_s = 0.0
        while True:
            http: Upstream | None = None
            try:
                http = self._upstream(await self._session.instance_url())
                await self._open(http)
                for connects in itertools.count():
                    if _is_cancelled():
                        return
                    for message in await self._connect(http):
                        for hint in _hints(message):
                            yield hint
                        self._remember(message)
                    if connects:  # the first one after a handshake is answered at once and proves little
                        pause_s = 0.0
            except Failure as failure:
                _log.warning("change_feed_lost", code=failure.code, again_in_s=pause_s, reason=failure.vendor_detail)
            finally:
                if http is not None:
                    await http.aclose()
            await self._sleep(pause_s)
            pause_s = min(max(pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)

    async def _open(self, http: Upstream) -> None:
        """Shake hands and subscribe behind the last event that we have seen. A forgotten place means: new ones only."""
        handshake = {"version": "1.0", "supportedConnectionTypes": ["long-polling"], "ext": {"replay": True}}
        self._client_id = ""
        replies = await self._send(http, "/meta/handshake", handshake)
        self._client_id = _reply(replies, "/meta/handshake").client_id
        try:
            await self._subscribe(http, NEW_ONLY if self._last is None else self._last)
        except Failure as failure:
            if self._last is None or "replayId" not in failure.vendor_detail:
                raise
            _log.warning("change_feed_place_forgotten", replay_id=self._last)
            self._last = None
            await self._subscribe(http, NEW_ONLY)

    async def _subscribe(self, http: Upstream, replay_id: int) -> None:
        subscription = {"subscription": CHANNEL, "ext": {"replay": {CHANNEL: replay_id}}}
        _reply(await self._send(http, "/meta/subscribe", subscription), "/meta/subscribe")

    async def _connect(self, http: Upstream) -> list[_Message]:
        """The events that came while Salesforce held the call. The ones beside a refusal count too."""
        messages = await self._send(http, "/meta/connect", {"connectionType": "long-polling"})
        events = [message for message in messages if message.data is not None]
        if not events:
            _reply(messages, "/meta/connect")
        return events

    async def _send(self, http: Upstream, channel: str, more: dict[str, Any]) -> list[_Message]:
        message = {"channel": channel, "id": str(next(self._numbers))} | more
        if self._client_id:
            message["clientId"] = self._client_id
        path = f"/cometd/{self._settings.api_version}"
        hold_s = self._settings.feed_hold_s
        response = await http.send("POST", path, json=[message], idempotent=False, timeout_s=hold_s)
        if not response.is_success:
            raise failure_of(response)
        try:
            messages = msgspec.json.decode(response.content, type=list[_Message])
        except msgspec.DecodeError as error:
            raise Failure(Kind.BAD_UPSTREAM, "the CRM's change feed cannot be read") from error
        if any(not told.successful and "401::" in response.text for told in messages):
            # CometD tells a dead session in its message, with HTTP 200: the upstream cannot see it.
            await self._session.refused()
        return messages

    def _remember(self, message: _Message) -> None:
        replay_id = None if message.data is None else message.data.event.replay_id
        if replay_id is not None and replay_id > (self._last or 0):
            self._last = replay_id


def _is_cancelled() -> bool:
    """The HTTP transport loses a cancellation that comes in the moment of the answer; the task still knows of it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _reply(messages: list[_Message], channel: str) -> _Message:
    """The reply on a meta channel. Fails UNAVAILABLE when it is a refusal, or is missing."""
    reply = next((message for message in messages if message.channel == channel), None)
    if reply is None or not reply.successful:
        told = "" if reply is None else reply.error
        raise Failure(Kind.UNAVAILABLE, "the CRM's change feed was lost", vendor_detail=f"{channel} {told}"[:500])
    return reply


def _hints(message: _Message) -> list[Hint]:
    """A hint for each record that the event names: one event may carry many, and a gap event carries no data at all."""
    header = message.data.payload.header if message.data is not None else _Header()
    found = [record_id for record_id in header.record_ids if _RECORD_ID.fullmatch(record_id)]
    return [Hint(kind="opportunity", native_id=record_id) for record_id in found]
