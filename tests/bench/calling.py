"""Outbound calls against the bare target: our Upstream beside httpx on the same transport, and beside stock httpx."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

import httpx
import msgspec
from figures import AT_LEAST, HIGHER, LOWER, Gate, Length, Result, Row, in_turn
from pyreqwest.client import ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport
from stand import READ_PATH, Stand
from targets import settings

from servicekit.clock import SystemClock
from servicekit.settings import Secret
from servicekit.telemetry import Telemetry
from servicekit.tokens import ClientCredentials
from servicekit.upstream import Upstream

CONCURRENT = 16
OURS, BARE, STOCK = "our client", "bare httpx on pyreqwest's transport", "stock httpx"
LOAD = f"this process, {CONCURRENT} calls at a time, one side at a time"
CPU = Row(name="outbound call, CPU per request", unit="us", better=LOWER, load=LOAD)
RATE = Row(
    name="outbound call, requests per second",
    unit="1/s",
    better=HIGHER,
    load=LOAD,
    gates=(Gate(BARE, AT_LEAST, 0.7),),
)

Call = Callable[[], Awaitable[httpx.Response]]


async def measured(stand: Stand, length: Length) -> list[Result]:
    """CPU of the calling process per request, and requests per second.

    Ours: places, deadline, budget, breaker, token, one span in ten kept (exporting them is the service's part of the
    cost), trace.
    """
    telemetry = Telemetry(msgspec.structs.replace(settings(stand.told(0)), otlp_endpoint=""))
    telemetry.activate()
    cpu: dict[str, list[float]] = defaultdict(list)
    rate: dict[str, list[float]] = defaultdict(list)
    tokens = ClientCredentials(
        stand.issuer,
        client_id="bench",
        client_secret=Secret("never-looked-at"),
        audience="syncline-system",
        clock=SystemClock(),
    )
    async with (
        Upstream("bare", stand.issuer, auth=tokens, concurrency=CONCURRENT) as upstream,
        httpx.AsyncClient(base_url=stand.issuer, transport=HttpxTransport(ClientBuilder().build())) as bare,
        httpx.AsyncClient(base_url=stand.issuer) as stock,
    ):
        calls: dict[str, Call] = {
            OURS: lambda: upstream.send("GET", READ_PATH),
            BARE: lambda: bare.get(READ_PATH),
            STOCK: lambda: stock.get(READ_PATH),
        }
        for number in range(length.rounds):
            for name in in_turn([*calls], number):
                used_us, per_second = await _called(calls[name], length.seconds)
                cpu[name].append(used_us)
                rate[name].append(per_second)
    await tokens.aclose()
    telemetry.close()
    return [CPU.of(OURS, cpu), RATE.of(OURS, rate)]


async def _called(call: Call, seconds: float) -> tuple[float, float]:
    """CPU in us per request, and requests per second."""
    await asyncio.gather(*(call() for _ in range(CONCURRENT)))  # connections are open
    began, used, done = time.perf_counter(), time.process_time(), 0

    async def keep_calling() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            (await call()).raise_for_status()
            done += 1

    await asyncio.gather(*(keep_calling() for _ in range(CONCURRENT)))
    return (time.process_time() - used) / done * 1e6, done / (time.perf_counter() - began)
