"""A read of a system API with every policy, beside a bare ASGI application on the same uvicorn."""

from __future__ import annotations

from figures import Length, Result, compared
from load import Plan
from stand import READ_PATH, Stand, sent

WARM_UP_S = 0.3
REFERENCE = "raw ASGI + msgspec"


async def measured(stand: Stand, length: Length) -> list[Result]:
    """CPU per request and requests per second, closed loop over 16 connections, one process each.

    Ours: cached token, limit, parameters checked, spans of one request in ten exported, ids exchanged, ETag.
    """
    cpu: dict[str, list[float]] = {"raw": [], "ours": []}
    rate: dict[str, list[float]] = {"raw": [], "ours": []}
    for number in range(length.rounds):
        for name in ("raw", "ours") if number % 2 else ("ours", "raw"):
            await _sent(stand, name, min(WARM_UP_S, length.seconds))
            before = stand.cpu_s(name)
            requests, seconds = await _sent(stand, name, length.seconds)
            cpu[name].append((stand.cpu_s(name) - before) / requests * 1e6)
            rate[name].append(requests / seconds)
    return [
        compared("system API read, CPU per request", "us", cpu["ours"], cpu["raw"], REFERENCE, "lower"),
        compared("system API read, requests per second", "1/s", rate["ours"], rate["raw"], REFERENCE, "higher"),
    ]


async def _sent(stand: Stand, name: str, seconds: float) -> tuple[int, float]:
    port = stand.ours if name == "ours" else stand.raw
    (outcome,) = await sent(Plan(targets=(stand.target(port, READ_PATH, "system"),), seconds=seconds))
    return outcome.requests, outcome.seconds
