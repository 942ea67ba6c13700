"""The bench runs from end to end and measures everything it promises; how fast it all is, is no test's business.

Peers that only `make bench` installs are left out here, and the report says so; no gate against one is judged.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import whole
from batch_firm import Plan
from batch_run import vendor_calls
from figures import AT_LEAST, AT_MOST, LOWER, Gate, Row, in_turn, missed
from peers import LEFT_OUT
from played_day import PlayedDay
from whole import Asked

BENCH = Path(__file__).parent / "bench.py"
PARTS = ("service", "edge", "workflow", "events", "outbound")
NGINX, FASTAPI, FASTSTREAM, TEMPORAL = "nginx", "FastAPI", "FastStream", "Temporal's dev server"
RAW, LITESTAR, ENVOY, SCRIPT, DBOS = "raw ASGI + msgspec", "bare Litestar", "plain Envoy", "plain script", "bare DBOS"
PIPELINED, PLAIN = "raw XADD in pipelines of 100, XREAD", "plain redis-py: XADD, XREADGROUP, XACK"
BARE, STOCK = "bare httpx on pyreqwest's transport", "stock httpx"
# Each row with the references that it has a figure of here, those left out, and its gates.
ROWS = [
    ("system API read, CPU per request", "us", [RAW, LITESTAR], [FASTAPI], []),
    ("system API read, requests per second", "1/s", [RAW, LITESTAR], [FASTAPI], [(LITESTAR, "at least", 0.5)]),
    ("edge, added p50", "us", [ENVOY], [NGINX], [(NGINX, "at most", 2.0)]),
    ("edge, CPU per request", "us", [ENVOY], [NGINX], []),
    ("request through the edge, p50", "us", [ENVOY, "no hop"], [NGINX], []),
    ("workflow, CPU of the worker per run", "us", [SCRIPT, DBOS], [TEMPORAL], [(DBOS, "at most", 1.3)]),
    ("workflow, runs per second", "1/s", [SCRIPT, DBOS], [TEMPORAL], [(TEMPORAL, "at least", 2.0)]),
    (
        "event path, 100 events in a transaction, events per second",
        "1/s",
        [PIPELINED, PLAIN],
        [FASTSTREAM],
        [(PIPELINED, "at least", 0.2), (FASTSTREAM, "at least", 5.0)],
    ),
    ("event path, 100 events in a transaction, CPU per event", "us", [PIPELINED, PLAIN], [FASTSTREAM], []),
    ("event path, one event in a transaction, events per second", "1/s", [PLAIN], [FASTSTREAM], []),
    ("event path, p50 from write to handler", "us", ["raw XADD one by one, XREAD", PLAIN], [FASTSTREAM], []),
    ("outbound call, CPU per request", "us", [BARE, STOCK], [], []),
    ("outbound call, requests per second", "1/s", [BARE, STOCK], [], [(BARE, "at least", 0.7)]),
]
# A difference of two medians: on a busy machine a fraction of a second can turn its sign.
DIFFERENCES = {"edge, added p50"}


async def test_the_bench_measures_every_part(tmp_path: Path) -> None:
    """Each part for a fraction of a second: the report has every row with its figures, references and gates."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(BENCH), "--short", "--reports", str(tmp_path), *PARTS),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert 0 == process.returncode, output.decode()
    results: list[dict[str, Any]] = msgspec.json.decode((tmp_path / "bench.json").read_bytes())["results"]
    assert ROWS == [_outline(row) for row in results]
    assert {LEFT_OUT} == {one["remark"] for row in results for one in row["references"] if one["value"] is None}
    figures = [row["ours"] for row in results] + [one["value"] for row in results for one in _measured(row)]
    assert all(math.isfinite(figure) for figure in figures)
    sure = [row for row in results if row["name"] not in DIFFERENCES]
    assert [] == [row["name"] for row in sure if min(row["ours"], *(one["ratio"] for one in _measured(row))) <= 0]
    assert [] == [row["name"] for row in sure if any(gate["held"] is None for gate in _judged(row))]


async def test_a_service_is_looked_at_and_started_again(whole_day: PlayedDay) -> None:
    """Its memory, its start with all the others and its start alone; it is ready again afterwards."""
    start, memory = await whole.service(whole_day.system, "experience")
    assert ("experience, start until ready", "s") == (start.name, start.unit)
    assert [whole.TOGETHER] == [one.name for one in start.references]
    assert ("experience, memory", "MiB") == (memory.name, memory.unit)
    assert min(start.ours, start.references[0].value or 0.0, memory.ours) > 0


async def test_the_vendors_own_count_is_taken(whole_day: PlayedDay) -> None:
    """Every platform of the day was asked something, and the writes among it are told apart."""
    asked = Asked(calls=await vendor_calls(whole_day.system, whole_day.system.told.platforms), seconds=1.0)
    assert set(whole_day.system.told.platforms) == {what.split()[0] for what in asked.calls}
    assert 0 < asked.writes < asked.calls.total()


def test_calls_are_reckoned_per_invoice_and_per_onboarding() -> None:
    """What the pollers ask in quiet times is taken away, and what the salespeople ask; a naive count stands beside."""
    quiet = Asked(calls=Counter({"psa GET /x": 10}), seconds=5.0)
    released = Asked(calls=Counter({"psa GET /x": 60, "billing POST /y": 16}), seconds=10.0)
    one = whole.invoice(released, quiet, Plan(projects=10, entries=400))
    assert (6.222, 120.0) == (one.ours, one.references[0].value)
    wins = Asked(
        calls=Counter({"crm GET /x": 40, "crm PATCH /o": 2, "psa POST /y": 12, "crm POST /token": 2}), seconds=10
    )
    won = whole.onboarding(wins, quiet, 2)
    assert (15.0, 18.0) == (won.ours, won.references[0].value)


def test_a_gate_is_held_missed_or_not_measured() -> None:
    """The ratio of the medians decides, in the direction of the bound; a reference without a figure decides nothing."""
    gates = (
        Gate("slow", AT_MOST, 0.5),
        Gate("fast", AT_MOST, 0.5),
        Gate("gone", AT_LEAST, 9.0),
        Gate("none", AT_LEAST, 0.1),
    )
    row = Row(name="made up", unit="us", better=LOWER, load="none", gates=gates)
    rounds = {"ours": [3.0, 1.0, 2.0], "slow": [4.0], "fast": [3.0, 3.0], "none": [0.0]}
    result = row.of("ours", rounds, {"gone": "not installable"})
    assert [True, False, None, False] == [gate.held for gate in result.gates]
    assert [0.5, 0.667, None, None] == [gate.ratio for gate in result.gates]
    assert ["made up: 2.00 us is 0.67 of fast", "made up: 2.00 us is - of none"] == [
        line.partition(",")[0] for line in missed([result])
    ]


def test_each_side_goes_first_in_its_turn() -> None:
    """Whoever is always first, or always last, may have the quieter machine."""
    assert [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c")] == [
        tuple(in_turn(["a", "b", "c"], number)) for number in range(4)
    ]


def _outline(row: dict[str, Any]) -> tuple[str, str, list[str], list[str], list[tuple[str, str, float]]]:
    left_out = [one["name"] for one in row["references"] if one["value"] is None]
    gates = [(gate["against"], gate["bound"], gate["limit"]) for gate in row["gates"]]
    return row["name"], row["unit"], [one["name"] for one in _measured(row)], left_out, gates


def _measured(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in row["references"] if one["value"] is not None]


def _judged(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The gates whose reference has a figure."""
    names = {one["name"] for one in _measured(row)}
    return [gate for gate in row["gates"] if gate["against"] in names]
