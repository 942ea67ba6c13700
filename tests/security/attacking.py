"""What a hostile caller has: connections, tokens good and forged, and eyes for what must not have changed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import psycopg
from forging import Forge
from running_system import RunningSystem

from servicekit.clock import SystemClock
from servicekit.database import driver_url

PATIENCE_S = 20.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Status 0: the connection was closed without a word."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def json(self) -> Any:
        return json.loads(self.body)


@asynccontextmanager
async def attacker(system: RunningSystem) -> AsyncIterator[Attacker]:
    """A hostile client of the running system, and the eyes of its administrator."""
    url = driver_url(system.site.database_url("postgres"))
    with psycopg.connect(url, autocommit=True) as database:
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as http:
            one = Attacker(system, http, database)
            one.dawdling = asyncio.create_task(one.raw(b"GET / HTTP/1.1\r\nHost: edge\r\nX-Slow: "))
            yield one
            await one.dawdling
            one.lay_down()


class Attacker:
    """One hostile client. Everything that it sends in its own name bears its client id, so its traces can be found.

    `dawdling` is a request that never ends, begun before all others: it takes as long as the edge has patience.
    """

    dawdling: asyncio.Task[Answer]

    def __init__(self, system: RunningSystem, http: httpx.AsyncClient, database: psycopg.Connection[Any]) -> None:
        self.system = system
        self._database = database
        self.client_id = f"hostile-{secrets.token_hex(6)}"
        self.forge = Forge(system, self.client_id)
        self._http = http

    @property
    def edge(self) -> str:
        return self.system.site.origin

    def service(self, name: str) -> str:
        """The address of a service behind the edge: `process-operations`, `system-crm`."""
        return self.system.site.address(name)

    async def ask(self, method: str, url: str, **options: Any) -> Answer:
        """A request as it stands; nothing is added to it but what HTTP needs."""
        reply = await self._http.request(method, url, **options)
        return Answer(status=reply.status_code, headers=dict(reply.headers), body=reply.content)

    async def process(self, method: str, path: str, **options: Any) -> Answer:
        """A call of the process layer through the edge, with a good token unless *headers* bring another."""
        return await self._as("process", method, f"{self.edge}/process/{path}", options)

    async def experience(self, method: str, path: str, **options: Any) -> Answer:
        return await self._as("experience", method, f"{self.edge}/experience/{path}", options)

    async def platform(self, capability: str, method: str, path: str, **options: Any) -> Answer:
        """A call of a system API, directly: the edge has no road to it."""
        return await self._as("system", method, f"{self.service(f'system-{capability}')}/{path}", options)

    async def command(self, path: str, body: object = None, key: str | None = None, **options: Any) -> Answer:
        """A POST at the process layer with an idempotency key."""
        headers = {"Idempotency-Key": key or secrets.token_hex(16), **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return await self.process("POST", path, headers=headers, **options)

    async def hook(self, body: bytes, header: str | None, connection: str = "stripe-de") -> Answer:
        """A delivery at the edge with that signature header."""
        headers = {"Content-Type": "application/json", **({} if header is None else {"Stripe-Signature": header})}
        return await self.ask("POST", f"{self.edge}/hooks/{connection}", content=body, headers=headers)

    def signature(self, body: bytes, *, age_s: int = 0, country: str = "DE", secret: str | None = None) -> str:
        """The header by which the vendor would have signed the body that long ago."""
        accounts = self.system.told.platforms["stripe"].config["accounts"]
        known = next(one["webhook_secret"] for one in accounts if one["country"] == country)
        stamp = str(int(SystemClock().now().timestamp()) - age_s)
        key = (known if secret is None else secret).encode()
        return f"t={stamp},v1={hmac.new(key, stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"

    async def raw(self, sent: bytes, *, at: str = "", patience_s: float = PATIENCE_S) -> Answer:
        """Bytes on a socket, and the first answer to them; the end of the connection is awaited."""
        target = urlsplit(at or self.edge)
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        try:
            writer.write(sent)
            await writer.drain()
            async with asyncio.timeout(patience_s):
                return await _answer(reader)
        finally:
            writer.close()

    async def vendor_asked(self, vendor: str) -> dict[str, int]:
        """How often each of the vendor's addresses has been asked; the ids in them are left out."""
        told = self.system.told
        headers = {"Sandbox-Control-Key": told.control_key}
        answer = await self._http.get(f"{told.platforms[vendor].address}/_sandbox/requests", headers=headers)
        found: dict[str, int] = answer.raise_for_status().json()
        return found

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database holds, seen by its administrator."""
        return self._database.execute(query.encode(), values).fetchall()

    def approval(self, asked_by: str, barred: str) -> str:
        """An approval that waits for a delivery director; `lay_down` takes it away again."""
        approval = f"apr_{secrets.token_hex(16)}"
        self.rows(
            "insert into process.approval (id, process, run_id, subject, required_role, because, barred,"
            " legal_entity_code, amount, currency, requested_by, requested_at, due_at, status)"
            " select %s, process, run_id, %s, 'delivery-director', '[]', jsonb_build_array(%s::text), 'DE01',"
            " '1000.00', 'EUR', %s, now(), now() + interval '1 day', 'pending' from process.run"
            " order by run_id limit 1 returning id",
            *(approval, approval, barred, asked_by),
        )
        return approval

    def lay_down(self) -> None:
        """Take away what was set up for the cases."""
        self.rows("delete from process.approval where subject = id returning id")

    def traces(self) -> tuple[int, int]:
        """How much is kept in this client's name: audit records, and answers to commands."""
        mine = "select (select count(*) from process.audit where client_id = %s),"
        stored = " (select count(*) from process.answers where split_part(scope, ' ', 1) = %s)"
        [(deeds, answers)] = self.rows(mine + stored, self.client_id, self.client_id)
        return deeds, answers

    async def _as(self, layer: str, method: str, url: str, options: dict[str, Any]) -> Answer:
        headers = {"Authorization": f"Bearer {self.forge.token(layer)}", **options.pop("headers", {})}
        return await self.ask(method, url, headers=headers, **options)


async def _answer(reader: asyncio.StreamReader) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(status=0)
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    length = int(headers.get("content-length", "0"))
    return Answer(status=int(first.split(" ")[1]), headers=headers, body=await reader.readexactly(length))
