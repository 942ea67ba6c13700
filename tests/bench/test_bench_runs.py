"""The bench runs from end to end and measures everything it promises; how fast it all is, is no test's business."""

from __future__ import annotations

import asyncio
import math
import sys
from pathlib import Path
from typing import Any

import msgspec

BENCH = Path(__file__).parent / "bench.py"
COLUMNS = {"name", "unit", "ours", "reference", "reference_name", "ratio", "better"}
ROWS = [
    ("system API read, CPU per request", "us", "lower"),
    ("system API read, requests per second", "1/s", "higher"),
    ("edge hop, added p50", "us", "lower"),
    ("edge hop, Envoy's CPU per request", "us", "lower"),
    ("request through the edge, p50", "us", "lower"),
    ("event path, events per second", "1/s", "higher"),
    ("event path, p50 from write to handler", "us", "lower"),
    ("outbound call, CPU per request", "us", "lower"),
    ("outbound call, requests per second", "1/s", "higher"),
]
# A difference of two medians: on a busy machine a fraction of a second can turn its sign.
DIFFERENCES = {"edge hop, added p50"}


async def test_the_bench_measures_every_part(tmp_path: Path) -> None:
    """Each part for a fraction of a second: the report has every row, with both figures and their ratio."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(BENCH), "--seconds", "0.2", "--rounds", "1", "--reports", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert 0 == process.returncode, output.decode()
    results: list[dict[str, Any]] = msgspec.json.decode((tmp_path / "bench.json").read_bytes())["results"]
    assert ROWS == [(row["name"], row["unit"], row["better"]) for row in results]
    assert [COLUMNS] * len(ROWS) == [set(row) for row in results]
    figures = [row[column] for row in results for column in ("ours", "reference", "ratio")]
    assert all(math.isfinite(figure) for figure in figures)
    sure = [row for row in results if row["name"] not in DIFFERENCES]
    assert [] == [row for row in sure if min(row["ours"], row["reference"], row["ratio"]) <= 0]
