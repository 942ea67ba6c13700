"""A read of a system API with every policy, beside a bare ASGI application and two frameworks on the same uvicorn."""

from __future__ import annotations

from collections import defaultdict

from figures import AT_LEAST, HIGHER, LOWER, Gate, Length, Result, Row, in_turn
from load import Plan
from peers import FASTAPI
from stand import READ_PATH, Stand, sent

WARM_UP_S = 0.3
OURS, RAW, LITESTAR = "the system API", "raw ASGI + msgspec", "bare Litestar"
SIDES = {OURS: "ours", RAW: "raw", LITESTAR: "litestar", FASTAPI: "fastapi"}
LOAD = "load.py, another process: closed loop over 16 connections, one side at a time"
CPU = Row(name="system API read, CPU per request", unit="us", better=LOWER, load=LOAD)
RATE = Row(
    name="system API read, requests per second",
    unit="1/s",
    better=HIGHER,
    load=LOAD,
    gates=(Gate(LITESTAR, AT_LEAST, 0.5),),
)


async def measured(stand: Stand, length: Length) -> list[Result]:
    """CPU per request of the answering process, and requests per second.

    Ours: cached token, limit, parameters checked, spans of one request in ten exported, ids exchanged, ETag.
    """
    absent = stand.peers.absent(FASTAPI)
    sides = [name for name in SIDES if name not in absent]
    cpu: dict[str, list[float]] = defaultdict(list)
    rate: dict[str, list[float]] = defaultdict(list)
    for number in range(length.rounds):
        for name in in_turn(sides, number):
            unit = SIDES[name]
            await _sent(stand, unit, min(WARM_UP_S, length.seconds))
            before = stand.cpu_s(unit)
            requests, seconds = await _sent(stand, unit, length.seconds)
            cpu[name].append((stand.cpu_s(unit) - before) / requests * 1e6)
            rate[name].append(requests / seconds)
    return [CPU.of(OURS, cpu, absent), RATE.of(OURS, rate, absent)]


async def _sent(stand: Stand, unit: str, seconds: float) -> tuple[int, float]:
    (outcome,) = await sent(Plan(targets=(stand.target(stand.ports[unit], READ_PATH, "system"),), seconds=seconds))
    return outcome.requests, outcome.seconds
