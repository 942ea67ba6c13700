"""The hop through the edge with every policy, beside a plain Envoy hop and no hop, at a fixed rate."""

from __future__ import annotations

from figures import Length, Result, compared
from load import Plan
from stand import EDGE_PATH, Stand, sent

RATE = 100.0  # requests per second to each of the three
CONNECTIONS = 4
PLAIN, NONE = "plain Envoy hop", "no hop"


async def measured(stand: Stand, length: Length) -> list[Result]:
    """The three are called in turn within each round, so a busy moment of the machine meets all of them."""
    p50: dict[str, list[float]] = {"none": [], "plain": [], "edge": []}
    cpu: dict[str, list[float]] = {"plain": [], "edge": []}
    ports = {"none": stand.raw, "plain": stand.plain, "edge": stand.edge}
    targets = tuple(stand.target(port, EDGE_PATH, "process") for port in ports.values())
    for _ in range(length.rounds):
        before = {name: stand.cpu_s(name) for name in cpu}
        outcomes = await sent(Plan(targets=targets, seconds=length.seconds, connections=CONNECTIONS, rate=RATE))
        for name, outcome in zip(ports, outcomes, strict=True):
            p50[name].append(outcome.p50_us)
            if name in cpu:
                cpu[name].append((stand.cpu_s(name) - before[name]) / outcome.requests * 1e6)
    added = {
        name: [mine - bare for mine, bare in zip(p50[name], p50["none"], strict=True)] for name in ("plain", "edge")
    }
    return [
        compared("edge hop, added p50", "us", added["edge"], added["plain"], PLAIN, "lower"),
        compared("edge hop, Envoy's CPU per request", "us", cpu["edge"], cpu["plain"], PLAIN, "lower"),
        compared("request through the edge, p50", "us", p50["edge"], p50["none"], NONE, "lower"),
    ]
