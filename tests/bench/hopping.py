"""The hop through the edge with every policy, beside a plain nginx, a plain Envoy and no hop, at a fixed rate."""

from __future__ import annotations

from collections import defaultdict

from figures import AT_MOST, LOWER, Gate, Length, Result, Row
from load import Plan
from peers import NGINX
from stand import EDGE_PATH, Stand, sent

RATE = 250.0  # requests per second to each of them
CONNECTIONS = 4
OURS, NONE, ENVOY = "the edge", "no hop", "plain Envoy"
HOPS = {OURS: "edge", NGINX: "nginx", ENVOY: "plain"}
LOAD = (
    f"load.py, another process: {RATE:g} requests a second to each in turn, {CONNECTIONS} connections each;"
    " hops of one worker"
)
ADDED = Row(name="edge, added p50", unit="us", better=LOWER, load=LOAD, gates=(Gate(NGINX, AT_MOST, 2.0),))
CPU = Row(name="edge, CPU per request", unit="us", better=LOWER, load=LOAD)
WHOLE = Row(name="request through the edge, p50", unit="us", better=LOWER, load=LOAD)


async def measured(stand: Stand, length: Length) -> list[Result]:
    """All are called in turn within each round, so a busy moment of the machine meets all of them."""
    absent = stand.peers.absent(NGINX)
    hops = {name: unit for name, unit in HOPS.items() if name not in absent}
    added: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    p50: dict[str, list[float]] = defaultdict(list)
    sides = {**hops, NONE: "raw"}
    targets = tuple(stand.target(stand.ports[unit], EDGE_PATH, "process") for unit in sides.values())
    for _ in range(length.rounds):
        before = {name: stand.cpu_s(unit) for name, unit in hops.items()}
        found = await sent(Plan(targets=targets, seconds=length.seconds, connections=CONNECTIONS, rate=RATE))
        outcomes = dict(zip(sides, found, strict=True))
        for name, outcome in outcomes.items():
            p50[name].append(outcome.p50_us)
        for name, unit in hops.items():
            added[name].append(outcomes[name].p50_us - outcomes[NONE].p50_us)
            cpu[name].append((stand.cpu_s(unit) - before[name]) / outcomes[name].requests * 1e6)
    return [ADDED.of(OURS, added, absent), CPU.of(OURS, cpu, absent), WHOLE.of(OURS, p50, absent)]
