"""What is measured and how it is told: medians of alternating rounds, ours beside a bare reference."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the report. `ratio` is ours by reference; `better` says which way is good."""

    name: str
    unit: str
    ours: float
    reference: float
    reference_name: str
    ratio: float
    better: str  # "higher" | "lower"


class BenchReport(msgspec.Struct, frozen=True, kw_only=True):
    results: tuple[Result, ...]


class Length(msgspec.Struct, frozen=True, kw_only=True):
    """How long is measured: each side for `seconds` in each of `rounds`."""

    seconds: float
    rounds: int


def compared(
    name: str, unit: str, ours: Sequence[float], reference: Sequence[float], reference_name: str, better: str
) -> Result:
    """The medians of the rounds, side by side."""
    mine, bare = statistics.median(ours), statistics.median(reference)
    ratio = mine / bare if bare else float("inf")
    return Result(
        name=name,
        unit=unit,
        ours=round(mine, 3),
        reference=round(bare, 3),
        reference_name=reference_name,
        ratio=round(ratio, 3),
        better=better,
    )


def table(results: Sequence[Result]) -> str:
    """The rows as lines for a person."""
    rows = [("", "ours", "reference", "ratio", "better", "reference is")]
    rows += [
        (
            f"{one.name} [{one.unit}]",
            f"{one.ours:.1f}",
            f"{one.reference:.1f}",
            f"{one.ratio:.2f}",
            one.better,
            one.reference_name,
        )
        for one in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        + f"  {row[5]}"
        for row in rows
    )
