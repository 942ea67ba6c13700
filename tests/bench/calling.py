"""Outbound calls: our Upstream beside stock httpx, 16 at a time, against the bare target."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
import msgspec
from figures import Length, Result, compared
from stand import READ_PATH, Stand
from targets import settings

from servicekit.telemetry import Telemetry
from servicekit.upstream import Upstream

CONCURRENT = 16
REFERENCE = "stock httpx"

Call = Callable[[], Awaitable[httpx.Response]]


async def measured(stand: Stand, length: Length) -> list[Result]:
    """CPU of the calling process per request, and requests per second.

    Ours: places, deadline, breaker, one span in ten kept (exporting them is the service's part of the cost), trace.
    """
    telemetry = Telemetry(msgspec.structs.replace(settings(stand.told(0)), otlp_endpoint=""))
    telemetry.activate()
    cpu: dict[str, list[float]] = {"ours": [], "stock": []}
    rate: dict[str, list[float]] = {"ours": [], "stock": []}
    async with (
        Upstream("bare", stand.issuer, concurrency=CONCURRENT) as upstream,
        httpx.AsyncClient(base_url=stand.issuer) as stock,
    ):
        calls: dict[str, Call] = {
            "ours": lambda: upstream.send("GET", READ_PATH),
            "stock": lambda: stock.get(READ_PATH),
        }
        for number in range(length.rounds):
            for name in ("stock", "ours") if number % 2 else ("ours", "stock"):
                used_us, per_second = await _called(calls[name], length.seconds)
                cpu[name].append(used_us)
                rate[name].append(per_second)
    telemetry.close()
    return [
        compared("outbound call, CPU per request", "us", cpu["ours"], cpu["stock"], REFERENCE, "lower"),
        compared("outbound call, requests per second", "1/s", rate["ours"], rate["stock"], REFERENCE, "higher"),
    ]


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
