"""A workflow of six vendor calls in a process of ours, beside a script, DBOS as it comes and Temporal's dev server.

All four send the same six commands to the bare target, each from a worker process of its own (`workers.py`), the same
number of runs at a time; DBOS's and our engine keep their records in the same PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from figures import AT_LEAST, AT_MOST, HIGHER, LOWER, Gate, Length, Result, Row, in_turn
from peers import TEMPORAL, temporal_program
from stand import HERE, Quiet, Stand
from workers import AT_ONCE, COMMANDS, Done, Told

from launcher.processes import Command, Register, python
from launcher.readiness import listens
from launcher.supervisor import Supervisor, Unit

OURS, SCRIPT, DBOS = "our process", "plain script", "bare DBOS"
WORKERS = {OURS: "ours", SCRIPT: "script", DBOS: "dbos", TEMPORAL: "temporal"}
# Whose database each of the two engines works in: the roles are there, with an engine's schema each.
ROLES = {OURS: "project_onboarding", DBOS: "invoice_release"}
LOAD = f"the worker starts its own runs, {AT_ONCE} at a time, {COMMANDS} calls each; one side at a time"
CPU = Row(
    name="workflow, CPU of the worker per run",
    unit="us",
    better=LOWER,
    load=f"{LOAD}; without what PostgreSQL, Temporal's server and the called side use",
    gates=(Gate(DBOS, AT_MOST, 1.3),),
)
RATE = Row(
    name="workflow, runs per second", unit="1/s", better=HIGHER, load=LOAD, gates=(Gate(TEMPORAL, AT_LEAST, 2.0),)
)
PATIENCE_S = 120.0


async def measured(stand: Stand, length: Length) -> list[Result]:
    """CPU of the worker's process per run, and runs per second."""
    absent = stand.peers.absent(TEMPORAL)
    cpu: dict[str, list[float]] = defaultdict(list)
    rate: dict[str, list[float]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        if TEMPORAL not in absent:
            await stack.enter_async_context(_temporal_server(stand))
        workers = {
            name: await stack.enter_async_context(_worker(stand, name)) for name in WORKERS if name not in absent
        }
        for number in range(length.rounds):
            for name in in_turn([*workers], number):
                done = await _ordered(workers[name], length.seconds)
                cpu[name].append(done.cpu_s / done.runs * 1e6)
                rate[name].append(done.runs / done.seconds)
    return [CPU.of(OURS, cpu, absent), RATE.of(OURS, rate, absent)]


@asynccontextmanager
async def _worker(stand: Stand, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker that has done its first run; it ends when its input does."""
    flow = ROLES.get(name, ROLES[OURS])
    told = Told(
        vendor=stand.issuer,
        database_url=stand.site.database_url(f"process_{flow}"),
        engine_schema=f"engine_{flow}",
        temporal=f"127.0.0.1:{stand.ports['temporal']}",
    )
    with stand.log(f"worker-{WORKERS[name]}").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *python(str(HERE / "workers.py"), WORKERS[name]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(told) + b"\n")
    try:
        await _answer(process)
        yield process
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _ordered(worker: asyncio.subprocess.Process, seconds: float) -> Done:
    assert worker.stdin is not None
    worker.stdin.write(b"%f\n" % seconds)
    return await _answer(worker)


async def _answer(worker: asyncio.subprocess.Process) -> Done:
    assert worker.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        line = await worker.stdout.readline()
    assert line, "a worker has ended; its log says why"
    return msgspec.json.decode(line, type=Done)


@asynccontextmanager
async def _temporal_server(stand: Stand) -> AsyncIterator[None]:
    """The development server as `temporal server start-dev` starts it: records in memory; but without its screens."""
    program, port = temporal_program(), stand.ports["temporal"]
    assert program is not None
    unit = Unit(
        name="temporal",
        layer="temporal",
        command=Command(
            arguments=(program, "server", "start-dev", "--headless", "--port", str(port), "--log-level", "error"),
            folder=stand.site.places.state,
            environment=stand.site.environment,
        ),
        log=stand.log("temporal"),
        ready=listens(port),
    )
    supervisor = Supervisor([unit], Register(stand.site.places.state / "temporal.json"), Quiet())
    try:
        await supervisor.start()
        yield
    finally:
        await supervisor.stop()
