"""What became of each case of the fault harness, for `.syncline/reports/faults.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec
from fault_points import Point
from fault_state import Differences


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One case: a strike and a seed. Records are counted; `stuck` and `in_doubt` are runs.

    `in_doubt`: nobody can tell whether the vendor was written to, and a person has been asked. `healed`: exceptions
    that resolved themselves. `takeover_s`: from the strike until the first parked run went on. `missed`: the strike met
    nobody, neither parked runs nor, where it lasts at vendors, a single call.
    """

    strike: str
    seed: int
    does: str
    points: tuple[str, ...]
    parked: int
    missed: bool
    takeover_s: float | None
    lost: int
    doubled: int
    diverged: int
    stuck: tuple[str, ...]
    in_doubt: tuple[str, ...]
    healed: dict[str, int]
    seconds: float
    replay: str

    @property
    def failed(self) -> bool:
        return bool(self.lost or self.doubled or self.diverged or self.stuck or self.missed)


class FaultsReport(msgspec.Struct, frozen=True, kw_only=True):
    """All cases. `points_found` are crash points of the undisturbed round, `unstruck` those that no case came to.

    `unplayed` are cases that there was no time for.

    `residual` are the writes whose doubt only a person can settle, should a process stand still before sending one.
    """

    seconds: float
    points_found: int
    points_struck: int
    unstruck: tuple[str, ...]
    runs_of_a_round: int
    cases: int
    unplayed: tuple[str, ...]
    failed: int
    lost: int
    doubled: int
    diverged: int
    stuck: int
    in_doubt: int
    residual: tuple[str, ...]
    load: float
    rows: tuple[Row, ...]


def replay(strike: str, seed: int, only: Sequence[str] = ()) -> str:
    """The one command that plays the case again."""
    points = "".join(f" --only '{one}'" for one in only)
    return f'make faults FAULT="{strike} --seed {seed}{points}"'


def told(differences: Differences) -> list[str]:
    """The differences in lines, with only the part of two rows in which they differ."""
    return [
        f"  {kind}: {_short(one)}" for kind in ("lost", "doubled", "diverged") for one in getattr(differences, kind)
    ]


def _short(line: str) -> str:
    kind, _, rest = line.partition(": ")
    new, parts, old = rest.partition(", not ")
    if not parts:
        return line[:300]
    start = next((place for place, (a, b) in enumerate(zip(new, old, strict=False)) if a != b), 0)
    return f"{kind}: ...{new[max(0, start - 80) : start + 100]}... instead of ...{old[start : start + 100]}..."


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """How long it took, and what else the machine had to do when it began."""

    seconds: float
    load: float


def report(
    rows: Sequence[Row],
    found: Collection[Point],
    residual: tuple[str, ...],
    runs: int,
    machine: Machine,
    unplayed: Sequence[str] = (),
) -> FaultsReport:
    """The rows and their sums."""
    struck = {point for row in rows for point in row.points}
    sums = Counter({"lost": 0, "doubled": 0, "diverged": 0})
    for row in rows:
        sums.update(lost=row.lost, doubled=row.doubled, diverged=row.diverged)
    return FaultsReport(
        seconds=round(machine.seconds, 1),
        points_found=len(found),
        points_struck=len({str(point) for point in found} & struck),
        unstruck=tuple(sorted({str(point) for point in found} - struck)),
        runs_of_a_round=runs,
        cases=len(rows),
        unplayed=tuple(unplayed),
        failed=sum(row.failed for row in rows),
        lost=sums["lost"],
        doubled=sums["doubled"],
        diverged=sums["diverged"],
        stuck=sum(len(row.stuck) for row in rows),
        in_doubt=sum(len(row.in_doubt) for row in rows),
        residual=residual,
        load=round(machine.load, 1),
        rows=tuple(rows),
    )
