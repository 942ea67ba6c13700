"""What is measured and how it is told: medians of alternating rounds, ours beside its references, and what must hold.

A gate is a ratio of two figures of one run, ours by the reference, and a bound that it has to keep.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import msgspec

LOWER, HIGHER = "lower", "higher"
AT_MOST, AT_LEAST = "at most", "at least"
DIGITS = 3

Rounds = Mapping[str, Sequence[float]]


class Gate(msgspec.Struct, frozen=True):
    """Ours by `against` has to be at least, or at most, `limit`."""

    against: str
    bound: str
    limit: float


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What ours is held against. Without a value it was not measured, and the remark says why."""

    name: str
    value: float | None = None
    ratio: float | None = None  # ours by this
    remark: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a gate stands. `held` is None where its reference was not measured."""

    against: str
    bound: str
    limit: float
    ratio: float | None
    held: bool | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the report. `better` says which way is good, `load` by what and how it was loaded."""

    name: str
    unit: str
    better: str
    load: str
    ours: float
    references: tuple[Reference, ...] = ()
    gates: tuple[Verdict, ...] = ()


class BenchReport(msgspec.Struct, frozen=True, kw_only=True):
    """`load_before` and `load_after` are what the machine had to do, in runnable processes."""

    status: str  # "passed" | "missed", the gates' own
    rounds: int
    seconds: float
    load_before: float
    load_after: float
    results: tuple[Result, ...]


class Length(msgspec.Struct, frozen=True, kw_only=True):
    """How long is measured: each side for `seconds` in each of `rounds`."""

    seconds: float
    rounds: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row as its part declares it: the sides are ours and the references, in the order in which they are told."""

    name: str
    unit: str
    better: str
    load: str
    gates: tuple[Gate, ...] = ()

    def of(self, ours: str, rounds: Rounds, absent: Mapping[str, str] | None = None) -> Result:
        """The medians of the rounds, side by side; *absent* are the references that were not measured, and why."""
        mine = statistics.median(rounds[ours])
        found = {name: statistics.median(values) for name, values in rounds.items() if name != ours}
        ratios = {name: round(mine / value, DIGITS) for name, value in found.items() if value > 0}
        references = [
            Reference(name=name, value=round(value, DIGITS), ratio=ratios.get(name)) for name, value in found.items()
        ]
        references += [Reference(name=name, remark=why) for name, why in (absent or {}).items()]
        return Result(
            name=self.name,
            unit=self.unit,
            better=self.better,
            load=self.load,
            ours=round(mine, DIGITS),
            references=tuple(references),
            gates=tuple(_judged(gate, ratios.get(gate.against), measured=gate.against in found) for gate in self.gates),
        )


def in_turn(names: Sequence[str], number: int) -> Sequence[str]:
    """The order of the sides in a round: each goes first as often as the others, so that none has the quiet moments."""
    start = number % len(names)
    return (*names[start:], *names[:start])


def missed(results: Sequence[Result]) -> list[str]:
    """The gates that do not hold, a line each; one whose reference was not measured is not among them."""
    return [
        f"{one.name}: {_spoken(one.ours)} {one.unit} is {_spoken(gate.ratio)} of {gate.against},"
        f" {gate.bound} {gate.limit:g} wanted"
        for one in results
        for gate in one.gates
        if gate.held is False
    ]


def table(results: Sequence[Result]) -> str:
    """The rows as lines for a person: ours, then a line per reference with its ratio and how its gate stands."""
    lines: list[str] = []
    for one in results:
        lines.append(f"{one.name} [{one.unit}, {one.better} is better]: {_spoken(one.ours)}  ({one.load})")
        gates = {gate.against: gate for gate in one.gates}
        lines += [f"    {_told(reference)}{_verdict(gates.get(reference.name))}" for reference in one.references]
    return "\n".join(lines)


def _judged(gate: Gate, ratio: float | None, *, measured: bool) -> Verdict:
    """A reference that is nothing, or less, has no ratio; no gate holds against it."""
    held: bool | None = None
    if measured:
        held = ratio is not None and (ratio <= gate.limit if gate.bound == AT_MOST else ratio >= gate.limit)
    return Verdict(against=gate.against, bound=gate.bound, limit=gate.limit, ratio=ratio, held=held)


def _told(reference: Reference) -> str:
    if reference.value is None:
        return f"{reference.name}: {reference.remark}"
    return f"{_spoken(reference.value):>10}  {reference.name}, ratio {_spoken(reference.ratio)}"


def _verdict(gate: Verdict | None) -> str:
    if gate is None:
        return ""
    stands = {True: "held", False: "MISSED", None: "not measured"}[gate.held]
    return f"  [{gate.bound} {gate.limit:g}: {stands}]"


def _spoken(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
